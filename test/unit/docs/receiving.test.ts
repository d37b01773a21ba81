import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signatureHeaders } from '../../../src/delivery/sign';
import { projectFolder } from '../../../src/version';

type IsGenuine = (secret: string, headers: Record<string, string>, body: string) => boolean;

function documentedSnippet(): IsGenuine {
  const page = readFileSync(join(projectFolder, 'docs', 'receiving.md'), 'utf8');
  const [, code = ''] = /<!-- run by [^>]+-->\s+```js\n([\s\S]+?)```/.exec(page) ?? [];
  // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- the point is to run what the page says
  return new Function('require', `${code}; return isGenuine;`)(require) as IsGenuine;
}

describe('the snippet of docs/receiving.md', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const body = '{"id":"1","data":{}}';
  const nowSeconds = Math.floor(Date.now() / 1000);
  const signed = (timestampSeconds: number, secrets = [secret]) =>
    Object.fromEntries(
      Object.entries(signatureHeaders({ deliveryId: '1', timestampSeconds, body, secrets })).map(([name, value]) => [
        name.toLowerCase(),
        value,
      ]),
    );

  it('accepts what Everhook signs, also during a rotation', () => {
    const isGenuine = documentedSnippet();

    expect(isGenuine(secret, signed(nowSeconds), body)).toBe(true);
    expect(isGenuine(secret, signed(nowSeconds, ['another-secret-of-theirs', secret]), body)).toBe(true);
  });

  it('refuses another body, another secret and an old request', () => {
    const isGenuine = documentedSnippet();

    expect(isGenuine(secret, signed(nowSeconds), `${body} `)).toBe(false);
    expect(isGenuine('another-secret-of-theirs', signed(nowSeconds), body)).toBe(false);
    expect(isGenuine(secret, signed(nowSeconds - 600), body)).toBe(false);
  });
});
