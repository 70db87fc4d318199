# The engine with the API, FastAGI, and Postgres' binaries: one image, the parts are its commands.
# Built from the checkout's root:  docker build -f docker/service.Dockerfile -t m3voip-service .
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}

# Postgres comes from the distribution, as on a machine without containers; its packages make no cluster of their own.
RUN mkdir -p /etc/postgresql-common/createcluster.d \
 && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/m3voip.conf \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates flite openssl postgresql python3 python3-venv util-linux \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/m3voip
COPY scripts/uv.lock scripts/uv.lock
COPY requirements.lock pyproject.toml ./
# Where a proxy of your network signs for everybody else, mount its authority and name the file:
#   --volume /etc/ssl/certs/ca-certificates.crt:/ca.crt:ro --build-arg CA_FILE=/ca.crt
ARG CA_FILE=/etc/ssl/certs/ca-certificates.crt
RUN export PIP_CERT=${CA_FILE} SSL_CERT_FILE=${CA_FILE} \
 && python3 -m venv /opt/uv \
 && /opt/uv/bin/pip install -q --no-cache-dir --require-hashes -r scripts/uv.lock \
 && /opt/uv/bin/uv venv -q --python python3 .venv \
 && VIRTUAL_ENV=/opt/m3voip/.venv /opt/uv/bin/uv pip sync -q --no-cache --require-hashes requirements.lock

COPY src src
COPY asterisk asterisk
COPY dialplans dialplans
COPY migrations migrations
COPY docker/asterisk.recipe docker/asterisk.recipe
RUN SSL_CERT_FILE=${CA_FILE} VIRTUAL_ENV=/opt/m3voip/.venv /opt/uv/bin/uv pip install -q --no-cache --no-deps -e . \
 && rm -rf /opt/uv \
 && groupadd --gid 10001 m3voip \
 && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin m3voip \
 && install -d -o m3voip -g m3voip -m 700 /var/cache/m3voip /var/lib/m3voip/main \
      /var/lib/m3voip/main/asterisk /var/lib/m3voip/main/service/prompts /var/lib/m3voip/main/pg \
 && chown -R m3voip:m3voip /var/lib/m3voip

ENV PATH=/opt/m3voip/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    M3VOIP_HOME=/var/lib/m3voip M3VOIP_CACHE=/var/cache/m3voip M3VOIP_INSTANCE=main \
    TZ=UTC LANG=C.UTF-8 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["m3voip"]
CMD ["serve"]
