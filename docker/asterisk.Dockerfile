# Asterisk as m3voip runs it. Built from the checkout's root:  docker build -f docker/asterisk.Dockerfile -t m3voip-asterisk .
# BASE_IMAGE may be any Debian; where it has no asterisk package, the suite of docker/asterisk.recipe is added to its
# sources. The recipe is the one that builds Asterisk's root without containers (scripts/asterisk-root).
ARG BASE_IMAGE=debian:forky-slim
FROM ${BASE_IMAGE}

COPY docker/asterisk.recipe docker/install-asterisk /tmp/m3voip/
RUN /tmp/m3voip/install-asterisk /tmp/m3voip/asterisk.recipe && rm -rf /tmp/m3voip

# One user in both images, because they share folders. The folders are those of the instance `main`; Asterisk finds
# them where its configuration says.
RUN groupadd --gid 10001 m3voip \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin m3voip \
 && install -d -o m3voip -g m3voip -m 700 /var/lib/m3voip/main/asterisk /var/lib/m3voip/main/service/prompts \
 && chown -R m3voip:m3voip /var/lib/m3voip \
 && rm -rf /etc/asterisk /var/lib/asterisk /var/spool/asterisk /var/log/asterisk /run/asterisk /prompts \
 && ln -s /var/lib/m3voip/main/asterisk/etc /etc/asterisk \
 && ln -s /var/lib/m3voip/main/asterisk/lib /var/lib/asterisk \
 && ln -s /var/lib/m3voip/main/asterisk/spool /var/spool/asterisk \
 && ln -s /var/lib/m3voip/main/asterisk/log /var/log/asterisk \
 && ln -s /var/lib/m3voip/main/asterisk/run /run/asterisk \
 && ln -s /var/lib/m3voip/main/service/prompts /prompts

ENV TZ=UTC LANG=C.UTF-8 OPENSSL_CONF=/etc/asterisk/openssl.conf
USER 10001:10001
WORKDIR /
# "core stop now"
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["asterisk", "-rx", "core waitfullybooted"]
CMD ["asterisk", "-f", "-n"]
