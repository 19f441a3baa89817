/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the page that the html output makes, built in. NUL-terminated; the player's are empty without it. */
#ifndef QEBEK_SHOW_PAGE_PAGE_H
#define QEBEK_SHOW_PAGE_PAGE_H

extern const char page_html[], page_css[], page_js[], page_player_css[], page_player_js[];

#endif
