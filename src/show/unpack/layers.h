/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layers of unpacked code, put together from their records. */
#ifndef QEBEK_SHOW_UNPACK_LAYERS_H
#define QEBEK_SHOW_UNPACK_LAYERS_H

#include <glib.h>

#include "show/unpack/image.h"

#define LAYERS_AT_ONCE 64u            /* that are being put together; of more the oldest are given up */
#define LAYERS_BYTES   (512ull << 20) /* … memory that they take */

struct layers;

struct layer {
    const struct qbk_layer *rec;
    const struct qbk_layer_range *range;     /* rec->n_ranges, hostile */
    const struct qbk_layer_mapping *mapping; /* rec->n_mappings, hostile */
    uint64_t start;                          /* of the first page that is there */
    size_t size;                             /* to the end of the last */
    const uint8_t *bytes;                    /* of these; zeros where a page is not there */
    const uint8_t *present;                  /* for each page of them: 1 if it is there */
    uint64_t have;                           /* bytes of the pages that are there */
    bool complete;                           /* all that was sent has come */
    char sha256[65];                         /* of the bytes, in hexadecimal */
};

struct layers *layers__new(void);
void layers__free(struct layers *layers);
/* Any record. Not NULL: with it a layer is whole, or as whole as it will be. Valid until the next record. */
const struct layer *layers__feed(struct layers *layers, const struct qbk_record *rec);

/* For what makes files of it: where the code that is about to run is among its pages, if it is. */
bool layer__image(const struct layer *layer, struct memory_image *image);

/* What is so of it and what is not, as keys of a JSON object. */
void layer__flags_json(GString *to, const struct layer *layer);

#endif
