# Two images, from one base:
#   docker build -t modelrollout/operator:0.1.0 .                    the operator (the default target)
#   docker build -t modelrollout/models:0.1.0 --target models .      MLServer with the demonstration models
# The base needs Python 3.11 or 3.12 with venv and nothing else, so a hardened one may take its place.
ARG PYTHON=python:3.12-slim

# pip lives in a venv of its own and fills others: no image ships it.
FROM ${PYTHON} AS tools
COPY requirements/build.txt /requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /tools && \
    /tools/bin/pip install --disable-pip-version-check --require-hashes --only-binary=:all: -r /requirements.txt


FROM tools AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY operator/modelrollout operator/modelrollout
COPY models/rolloutmodels models/rolloutmodels
RUN /tools/bin/pip wheel --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /wheel .


FROM tools AS operator-packages
COPY requirements/operator.txt /requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /opt/modelrollout && \
    /tools/bin/pip --python /opt/modelrollout install --disable-pip-version-check --no-compile \
      --require-hashes --only-binary=:all: -r /requirements.txt
# What nothing imports: the libraries' own tests, type stubs, C headers and sources.
RUN find /opt/modelrollout/lib/python3*/site-packages \
      \( -type d \( -name tests -o -name include \) -o -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' \) \) \
      -prune -exec rm -rf {} +
COPY --from=wheel /wheel /wheel
# The bytecode is made here, once: the root file system may be read-only later, and without it a start takes seconds more.
RUN /tools/bin/pip --python /opt/modelrollout install --disable-pip-version-check --no-compile --no-index --no-deps \
      /wheel/modelrollout-*.whl && \
    rm -rf /opt/modelrollout/lib/python3*/site-packages/rolloutmodels && \
    /opt/modelrollout/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/modelrollout/lib


FROM tools AS models-packages
COPY requirements/models.txt /requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /opt/models && \
    /tools/bin/pip --python /opt/models install --disable-pip-version-check --no-compile \
      --require-hashes --only-binary=:all: -r /requirements.txt
COPY --from=wheel /wheel /wheel
RUN /tools/bin/pip --python /opt/models install --disable-pip-version-check --no-compile --no-index --no-deps \
      /wheel/modelrollout-*.whl && \
    rm -rf /opt/models/lib/python3*/site-packages/modelrollout && \
    /opt/models/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/models/lib


FROM ${PYTHON} AS models
LABEL org.opencontainers.image.title="ModelRollout models" \
      org.opencontainers.image.description="MLServer with the models that ModelRollout is shown with" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=models-packages /opt/models /opt/models
COPY models/artefacts /models
# Workers of their own would be 165 MB each, and metrics of several processes need a directory to write to.
ENV PATH=/opt/models/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    OMP_NUM_THREADS=1 \
    MLSERVER_DEBUG=false \
    MLSERVER_PARALLEL_WORKERS=0 \
    MLSERVER_METRICS_DIR=/tmp
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080 8081 8082
ENTRYPOINT ["mlserver"]
CMD ["start", "/models"]


FROM ${PYTHON} AS operator
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ModelRollout operator" \
      org.opencontainers.image.description="Progressive delivery of machine-learning models on Seldon Core v2" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=operator-packages /opt/modelrollout /opt/modelrollout
# A numeric user has no entry in /etc/passwd: libraries that ask for its name take LOGNAME instead of failing.
ENV PATH=/opt/modelrollout/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    LOGNAME=modelrollout
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["python", "-m", "modelrollout"]
