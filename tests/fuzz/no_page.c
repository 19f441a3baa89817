// SPDX-License-Identifier: GPL-2.0-or-later
/* In place of what is built in for the html output: none of it is the guest's. */
#include "show/page/page.h"

const char page_html[] = "@DATA@", page_css[] = "", page_js[] = "", page_player_css[] = "", page_player_js[] = "";
