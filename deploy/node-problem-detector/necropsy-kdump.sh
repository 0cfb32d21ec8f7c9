#!/bin/sh
# For node-problem-detector: 0 is sound, 1 a problem, 2 unknown. What it prints becomes the message.
# NECROPSY_ROOT: where the node's files are mounted, if this runs in a container.
said=$(necropsy kdump check ${NECROPSY_ROOT:+--root "$NECROPSY_ROOT"} 2>&1)
code=$?
# The names of what fails, and the last line, which says what that means.
fails=$(printf '%s\n' "$said" | sed -n 's/^FAIL  *\([a-z-]*\).*/\1/p' | tr '\n' ' ')
printf '%.190s\n' "$(printf '%s\n' "$said" | tail -n 1)${fails:+ $fails}"
case $code in
0) exit 0 ;;
3) exit 1 ;;
*) exit 2 ;;
esac
