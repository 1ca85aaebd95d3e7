#!/bin/bash
# Prepares an Amazon Linux 2023 instance for the API: Python, units, log shipping. No code of the API is in
# here: releases come through Systems Manager, so that a new one replaces no instance.
set -euo pipefail

retry() {
  local attempt
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    "$@" && return 0
    sleep "$attempt"
  done
  return 1
}

retry dnf install -y --setopt=install_weak_deps=False nftables logrotate amazon-cloudwatch-agent
# The newest Python the release of Amazon Linux has; the byte code of the artifact is for 3.13.
for version in 3.13 3.14 3.12 3.11; do
  # Asked of what is known by now: a repository that fails a moment must not look like one without it.
  if dnf -qC list "python$version" >/dev/null; then
    retry dnf install -y --setopt=install_weak_deps=False "python$version"
    ln -sfn "/usr/bin/python$version" /usr/local/bin/api-python
    break
  fi
done
/usr/local/bin/api-python --version

install -d -m 0755 /opt/api /opt/api/releases /opt/api/slots /var/lib/api
install -d -m 0750 /var/log/api

cat >/etc/systemd/system/api@.service <<'UNIT'
@UNIT@
UNIT

cat >/usr/local/sbin/api-front <<'FRONT'
@FRONT@
FRONT
chmod 0755 /usr/local/sbin/api-front

cat >/etc/systemd/system/api-front.service <<'UNIT'
[Unit]
Description=Send port 8080 to the live slot of the API
After=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/api-front
[Install]
WantedBy=multi-user.target
UNIT

cat >/etc/logrotate.d/api <<'ROTATE'
/var/log/api/*.log {
  size 50M
  rotate 3
  compress
  copytruncate
  missingok
  notifempty
}
ROTATE
sed -i 's/^OnCalendar=.*/OnCalendar=hourly/' /usr/lib/systemd/system/logrotate.timer

cat >/opt/aws/amazon-cloudwatch-agent/etc/api.json <<'AGENT'
@AGENT@
AGENT
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s \
  -c file:/opt/aws/amazon-cloudwatch-agent/etc/api.json

cat >/etc/systemd/system/security-updates.service <<'UNIT'
[Unit]
Description=Install security updates
[Service]
Type=oneshot
ExecStart=/usr/bin/dnf upgrade -y --security --releasever=latest
UNIT
cat >/etc/systemd/system/security-updates.timer <<'UNIT'
[Timer]
OnCalendar=Sun 03:00
RandomizedDelaySec=1h
Persistent=true
[Install]
WantedBy=timers.target
UNIT

systemctl daemon-reload
systemctl enable --now api-front.service security-updates.timer logrotate.timer
# Nobody logs in here: Session Manager is the way in.
systemctl disable --now sshd.service || true
