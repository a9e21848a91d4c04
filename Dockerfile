# gke-auditor, for Cloud Run and for a laptop; docs/deploy.md. It holds no secret and needs no shell to run.
#
# checkov:skip=CKV_DOCKER_2:A job ends by itself and listens nowhere: nobody would ask a HEALTHCHECK.
# checkov:skip=CKV_DOCKER_7:Both stages use BASE, whose default is an exact tag; checkov does not look it up.
#
# The Python that the tests run with. scripts/pin-base adds the digest.
ARG BASE=python:3.11.15-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Nothing is installed that the locks do not name by its hash, and nothing is compiled.
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/build && \
    /opt/build/bin/python -m pip install --require-hashes --no-deps --only-binary :all: \
        --requirement requirements-build.lock
# pip stays outside: what runs can install nothing.
RUN python -m venv --without-pip /opt/gke-auditor && \
    /opt/build/bin/python -m pip --python /opt/gke-auditor/bin/python install --require-hashes --no-deps \
        --only-binary :all: --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY auditor auditor
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /opt/wheel && \
    /opt/build/bin/python -m pip --python /opt/gke-auditor/bin/python install --no-deps --no-index /opt/wheel/*.whl

FROM ${BASE}
# scripts/build-image sets these.
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="gke-auditor" \
      org.opencontainers.image.description="Find, prove and price the load balancers and addresses that GKE left behind." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /opt/gke-auditor /opt/gke-auditor
# The modules were compiled when they were installed. Only /tmp is written to, so the root file system can be read-only.
# PYTHONSAFEPATH: no module is taken from the folder that it is started in.
ENV PATH=/opt/gke-auditor/bin:${PATH} \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 \
    HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /work
# A number, not a name: Kubernetes and policies can see that it is not root.
USER 65532:65532
ENTRYPOINT ["python", "-m", "auditor"]
CMD ["job"]
