/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What some of NT's calls carry in memory beyond their arguments: text for and from consoles (LPC to CSRSS before
 * Windows 7, ALPC to conhost in 7, the console driver from 8 on), and what sockets are told by the control codes of
 * AFD, and what a new process is to run.
 *
 * The same code runs twice: in the plugin with a reader that copies what is looked at into the record, and on the
 * reading side with one that finds it there. So what is captured is what is understood. All of it is the guest's, and
 * bounded: lengths, counts, addresses.
 *
 * Sources of the layouts: ReactOS (conmsg.h, whose layouts are those of Windows 2003; tdi.h, afd/shared.h), the Windows
 * Terminal (condrv.h, conmsgl1.h).
 */
#ifndef QEBEK_DECODE_NT_MESSAGE_H
#define QEBEK_DECODE_NT_MESSAGE_H

#include "decode/decode.h"

#define NT_MESSAGE_PARTS 16u    /* pieces of data that are looked at */
#define NT_MESSAGE_BYTES 65536u /* … and bytes of them all */

enum nt_message_kind {
    NT_MESSAGE_NONE = 0,
    NT_MESSAGE_CONSOLE_OUTPUT,
    NT_MESSAGE_CONSOLE_INPUT,
    NT_MESSAGE_SOCKET,
    NT_MESSAGE_PROCESS
};
/* The parts of a PROCESS, in UTF-16; those that are not known have no length. */
enum { NT_PROCESS_IMAGE = 0, NT_PROCESS_COMMAND, NT_PROCESS_DIRECTORY, NT_PROCESS_PARTS };

struct nt_address {
    uint8_t family; /* 4, 6; 0: none */
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* the first 4 for IPv4 */
};

struct nt_message {
    enum nt_message_kind kind;
    bool wide;        /* the text is UTF-16 */
    uint64_t console; /* which: the handle that the message names */
    const char *op;   /* of a socket: "connect", "send" … */
    uint64_t other;   /* accept: handle of the socket that the connection goes on with; PROCESS: the new one's id */
    uint32_t backlog; /* listen */
    struct nt_address address;
    unsigned parts;
    struct {
        uint64_t address;
        uint64_t length;
    } part[NT_MESSAGE_PARTS]; /* the data: text, payload; no more than was transferred */
};

/* `len` bytes of the program's memory at an address; *have of them are there, from the first on. NULL: none. What is
 * returned stays until the decoding is over. `data`: it is what is carried, not a struct that tells of it. */
typedef const uint8_t *(*nt_message_read)(void *user, uint64_t address, size_t len, bool data, size_t *have);

struct nt_message_call {
    enum qbk_abi abi;
    uint32_t row;         /* of the service, for decode__service */
    const uint64_t *args; /* as many as the row has */
    bool at_return;       /* it has come back with success, or what it left pending is done */
    nt_message_read read;
    void *user;
};

/* Could a call of this service carry something? One comparison or two. */
bool nt_message__may(uint32_t row, const uint64_t *args);
/* False: nothing (that is understood). Where there is data it is read at last. */
bool nt_message__decode(const struct nt_message_call *call, struct nt_message *out);
/* A sockaddr, or TDI's TRANSPORT_ADDRESS with one address. False: neither, or not all there. */
bool nt_message__address(const uint8_t *bytes, size_t have, struct nt_address *out);

#endif
