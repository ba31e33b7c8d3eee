# Both executables, static, and nothing else: no shell, no package, no library.
#
#   docker build --tag trigpoint .        builds from source
#   cargo xtask image --release           the same from what this machine builds:
#                                         its files take the place of stage `build`

FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo xtask image --release --files /image

FROM scratch AS runtime
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Trigpoint" \
      org.opencontainers.image.description="An internet measurement station, its collector and its queries" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/ /
ENV PATH=/usr/bin
# `nobody` of images without a distribution; by number, so that Kubernetes can
# tell that it is not root.
USER 65532:65532
# The only place where it may write, unless a volume is mounted elsewhere.
WORKDIR /tmp
ENTRYPOINT ["trigpoint"]
