# syntax=docker/dockerfile:1
# Three stages: compile with everything, install what runs, ship what runs. `.ci/image` runs these very lines where there is no engine.

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ormconfig.ts ./
COPY config ./config
COPY migrations ./migrations
COPY src ./src
RUN npm run build

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:24-bookworm-slim
WORKDIR /app
# PORT is said here because ISSUER names the port of the proxy in front, not the one in here.
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/var/lib/ostiary
RUN install -d -o 1000 -g 1000 -m 0700 /var/lib/ostiary
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY views ./views
# By number: Kubernetes can tell that it is not root. Nothing outside DATA_DIR is written to, so the root filesystem may be read-only.
USER 1000:1000
VOLUME /var/lib/ostiary
EXPOSE 3000 9464
# Alive means the process answers; whether it can do its work is /readyz. Over https the certificate names another host than this one.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; const scheme = process.env.TLS_CERT ? 'https' : 'http'; fetch(`${scheme}://127.0.0.1:${process.env.PORT || 3000}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The process itself, no shell: SIGTERM reaches it.
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "--min-semi-space-size=12", "dist/src/cli.js"]
CMD ["start"]
