#!/bin/sh
# For node-problem-detector: 0 is sound, 1 a problem, 2 unknown. What it prints becomes the message.
necropsy kdump check >/tmp/necropsy-kdump.$$ 2>&1
code=$?
tail -n 1 /tmp/necropsy-kdump.$$
rm -f /tmp/necropsy-kdump.$$
case $code in
0) exit 0 ;;
3) exit 1 ;;
*) exit 2 ;;
esac
