/** Serves the process's metrics, ours and the Temporal SDK's in one, and the probes of a worker without API. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import type { Health } from '../health';
import type { Metrics } from './metrics';

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Where the Temporal SDK serves its own; undefined when it serves none. */
  readonly temporalMetricsUrl: string | undefined;
}

export interface MetricsServer {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer((incoming, outgoing) => {
    answer(options, incoming.url ?? '').then(
      ({ status, type, body }) => outgoing.writeHead(status, { 'content-type': type }).end(body),
      () => outgoing.writeHead(500).end(),
    );
  });
  await listen(server, options.host, options.port);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}/metrics`,
    stop: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

async function answer({ metrics, health, temporalMetricsUrl }: MetricsServerOptions, path: string): Promise<Answer> {
  const json = (status: number, body: object): Answer => ({
    status,
    type: 'application/json',
    body: JSON.stringify(body),
  });
  switch (path) {
    case '/metrics': {
      const parts = [await metrics.registry.metrics()];
      if (temporalMetricsUrl !== undefined) parts.push(await scrape(temporalMetricsUrl));
      return { status: 200, type: metrics.registry.contentType, body: parts.join('\n') };
    }
    case '/health':
      return json(200, { status: 'healthy', checks: await health.last() });
    case '/ready': {
      const checks = await health.check();
      return json(Object.values(checks).includes('down') ? 503 : 200, { checks });
    }
    default:
      return json(404, {});
  }
}

/** The SDK's exporter listens on this machine; when it does not answer, ours are still worth having. */
async function scrape(url: string): Promise<string> {
  try {
    const { body } = await request(url, { headersTimeout: 2_000, bodyTimeout: 2_000 });
    return await body.text();
  } catch (error) {
    return `# The metrics of the Temporal SDK are missing: ${(error as Error).message}\n`;
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
