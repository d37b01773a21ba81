/** Runs the snippets of docs/receiving.md on requests that Everhook signs, in the languages that this machine has. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signatureHeaders } from '../../../src/delivery/sign';
import { projectFolder } from '../../../src/version';
import { makeTempFolder, type TempFolder } from '../embedded/temp-folder';

/** One question to a snippet: the secret, headers with names in lower case, and the body. */
type Case = readonly [secret: string, headers: Record<string, string>, body: string];

const page = readFileSync(join(projectFolder, 'docs', 'receiving.md'), 'utf8');

function snippet(language: string): string {
  const code = new RegExp(`<!-- run by [^>]+-->\\s+\`\`\`${language}\\n([\\s\\S]+?)\`\`\``).exec(page)?.[1];
  if (code === undefined) throw new Error(`docs/receiving.md has no snippet in ${language}`);
  return code;
}

let temp: TempFolder;

beforeAll(() => {
  temp = makeTempFolder();
});

afterAll(() => temp.remove());

function runNode(cases: readonly Case[]): boolean[] {
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the point is to run what the page says
  const isGenuine = new Function('require', `${snippet('js')}; return isGenuine;`)(require) as (
    ...args: Case
  ) => boolean;
  return cases.map((one) => isGenuine(...one));
}

function runPython(cases: readonly Case[]): boolean[] {
  const ask =
    'import json, sys\nprint(json.dumps([is_genuine(s, h, b.encode()) for s, h, b in json.load(sys.stdin)]))\n';
  const output = execFileSync('python3', ['-c', `${snippet('python')}\n${ask}`], { input: JSON.stringify(cases) });
  return JSON.parse(output.toString()) as boolean[];
}

function runGo(cases: readonly Case[]): boolean[] {
  const folder = temp.path('go');
  mkdirSync(join(folder, 'receiver'), { recursive: true });
  writeFileSync(join(folder, 'go.mod'), 'module example\n\ngo 1.20\n');
  writeFileSync(join(folder, 'receiver', 'receiver.go'), snippet('go'));
  writeFileSync(join(folder, 'main.go'), goMain);
  const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GOWORK: 'off' };
  const output = execFileSync('go', ['run', '.'], { cwd: folder, env, input: JSON.stringify(cases) });
  return JSON.parse(output.toString()) as boolean[];
}

const goMain = `package main

import (
	"encoding/json"
	"net/http"
	"os"

	"example/receiver"
)

func main() {
	var cases [][]json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	answers := []bool{}
	for _, one := range cases {
		var secret, body string
		var headers map[string]string
		json.Unmarshal(one[0], &secret)
		json.Unmarshal(one[1], &headers)
		json.Unmarshal(one[2], &body)
		header := http.Header{}
		for name, value := range headers {
			header.Set(name, value)
		}
		answers = append(answers, receiver.IsGenuine(secret, header, []byte(body)))
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}
`;

const languages: [name: string, run: (cases: readonly Case[]) => boolean[], command: string[]][] = [
  ['js', runNode, [process.execPath, '--version']],
  ['python', runPython, ['python3', '--version']],
  ['go', runGo, ['go', 'version']],
];

describe.each(languages)('the snippet of docs/receiving.md in %s', (name, run, [command = '', ...args]) => {
  const isThere = spawnSync(command, args).status === 0;
  // oxlint-disable-next-line no-console -- a skip has to say why
  if (!isThere) console.log(`docs/receiving.md: the snippet in ${name} is not run, because ${command} is not here`);

  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const body = '{"id":"1","data":{"text":"ünïcödé 🪝"}}';
  const nowSeconds = Math.floor(Date.now() / 1000);
  const signed = (timestampSeconds: number, secrets = [secret]) =>
    Object.fromEntries(
      Object.entries(signatureHeaders({ deliveryId: '1', timestampSeconds, body, secrets })).map(([key, value]) => [
        key.toLowerCase(),
        value,
      ]),
    );

  if (!isThere) {
    it.todo('is run where the language is there');
    return;
  }

  it('accepts what Everhook signs, also during a rotation, and nothing else', () => {
    const other = 'another-secret-of-theirs';
    const genuine: Case[] = [
      [secret, signed(nowSeconds), body],
      [secret, signed(nowSeconds - 200), body],
      [secret, signed(nowSeconds, [other, secret]), body],
      [other, signed(nowSeconds, [other, secret]), body],
    ];
    const forged: Case[] = [
      [secret, signed(nowSeconds), `${body} `],
      [other, signed(nowSeconds), body],
      [secret, signed(nowSeconds - 600), body],
      [secret, signed(nowSeconds + 600), body],
      [secret, { ...signed(nowSeconds), 'x-webhook-timestamp': String(nowSeconds + 1) }, body],
      [secret, { ...signed(nowSeconds), 'x-webhook-timestamp': '' }, body],
      [secret, { ...signed(nowSeconds), 'x-webhook-signature': 'sha256=' }, body],
      [secret, {}, body],
    ];

    const answers = run([...genuine, ...forged]);

    expect(answers).toEqual([...genuine.map(() => true), ...forged.map(() => false)]);
    // Go compiles its HTTP library the first time.
  }, 60_000);
});
