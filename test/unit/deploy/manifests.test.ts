/** That the manifests say what the program understands; whether Kubernetes does is for `npm run check:deploy`. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { serviceSchema } from '../../../src/settings';
import { projectFolder } from '../../../src/version';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly template: {
      readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly Container[] };
    };
  };
}

interface Container {
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe: { readonly httpGet: { readonly path: string } };
  readonly readinessProbe: { readonly httpGet: { readonly path: string } };
  readonly resources: unknown;
}

const base = join(projectFolder, 'deploy', 'k8s', 'base');
const manifests = readdirSync(base)
  .filter((file) => file !== 'kustomization.yaml')
  .flatMap((file) => parseAllDocuments(readFileSync(join(base, file), 'utf8')))
  .map((document) => document.toJS() as Manifest);

const named = (kind: string, name: string): Manifest => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (!found) throw new Error(`no ${kind} ${name}`);
  return found;
};

const podOf = (name: string) => named('Deployment', name).spec.template.spec;
const configuration = named('ConfigMap', 'everhook-config').data ?? {};

it.each([
  ['api', '/ready?needs=database'],
  ['worker', '/ready'],
])('asks the %s for what it answers, and gives it time to end', (role, readyPath) => {
  const pod = podOf(`webhook-${role}`);
  const [container] = pod.containers;

  expect(container).toMatchObject({
    args: [role],
    livenessProbe: { httpGet: { path: '/health' } },
    readinessProbe: { httpGet: { path: readyPath } },
    resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { cpu: '1000m' } },
  });
  expect(container?.ports).toContainEqual({
    name: 'metrics',
    containerPort: 9464,
  });
  expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(Number(configuration['SHUTDOWN_GRACE_MS']));
});

it('names no setting that there is not', () => {
  const compose = parse(readFileSync(join(projectFolder, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
    services: Record<string, { environment?: Record<string, string> }>;
  };
  const named = [
    ...Object.keys(configuration),
    ...manifests
      .filter(({ kind }) => kind === 'Deployment')
      .flatMap(({ spec }) => spec.template.spec.containers.flatMap(({ env = [] }) => env.map(({ name }) => name))),
    ...['api', 'worker'].flatMap((service) => Object.keys(compose.services[service]?.environment ?? {})),
  ];
  // Of the AWS SDK, and of Node.js.
  const others = new Set(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION', 'NODE_OPTIONS']);

  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !(name in serviceSchema.properties) && !others.has(name))).toEqual([]);
});
