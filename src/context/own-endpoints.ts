/** Where Everhook listens and what it works with, as its settings tell: no webhook may point there. */
import type { Config } from '../config';
import type { Endpoint } from '../egress/denied-endpoints';

const defaultPorts: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'postgres:': 5432,
  'postgresql:': 5432,
};

export function ownEndpoints(config: Config): Endpoint[] {
  const urls = [
    config.DATABASE_URL,
    config.DATABASE_WORKER_URL,
    `http://${config.TEMPORAL_ADDRESS}`,
    ...(config.KMS_ENDPOINT === undefined ? [] : [config.KMS_ENDPOINT]),
  ];
  const listening = [config.PORT, config.METRICS_PORT].map((port) => ({ host: config.HOST, port }));
  // What is no URL with a host is a Unix socket, or a mistake that whoever connects to it tells of. Port 0 is any
  // free one, known only to whoever takes it.
  const endpoints = urls.filter((url) => URL.canParse(url)).map(endpointOf);
  return [...listening, ...endpoints].filter(({ host, port }) => host !== '' && port !== 0);
}

/** @throws TypeError when it is no URL */
export function endpointOf(url: string): Endpoint {
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (defaultPorts[protocol] ?? 0) : Number(port) };
}
