# SPDX-License-Identifier: Apache-2.0
"""The monitor page: queue, progress, logs and stills in a browser.

`front` speaks HTTP within limits, `sessions` knows who looks, `desk` answers, `views` says what is shown. The page
itself lies in `static/`. The server process handles no pixels: all pictures were made and published by workers.
"""
