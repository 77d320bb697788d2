#!/bin/sh
# Looks at the volumes from inside.
cat $SITE/index.html
touch $SITE/x 2>/dev/null || echo "$SITE is read-only"
echo "written by $(hostname)" >>/srv/data/log
sed -i s/blue/green/ /etc/app/settings && cat /etc/app/settings
touch /etc/x 2>/dev/null || echo "the root is read-only"
grep -E ' (/srv/(site|data)|/tmp|/etc/app) ' /proc/self/mountinfo | cut -d' ' -f5,6
