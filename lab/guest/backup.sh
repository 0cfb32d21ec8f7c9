#!/bin/busybox sh
exec 9>/mnt/data/backup.lock; while :; do tar cf - -C /bin busybox | gzip -1 >/mnt/data/backup.tgz; read -t 60 x <>/run/never; done
