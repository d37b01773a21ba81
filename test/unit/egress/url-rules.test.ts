import { createEgressGuard, UrlNotAllowed, type UrlRefusal } from '../../../src/egress/egress-guard';

const strict = createEgressGuard({ allowHttp: true, allowCidrs: [] });
const embedded = createEgressGuard({ allowHttp: true, allowCidrs: ['127.0.0.0/8'] });

function refusal(guard: typeof strict, url: string): UrlRefusal | undefined {
  try {
    guard.checkUrl(url);
    return undefined;
  } catch (error) {
    if (error instanceof UrlNotAllowed) return error.reason;
    throw error;
  }
}

const refused: [url: string, reason: UrlRefusal][] = [
  // Ways to write 127.0.0.1 and friends.
  ['http://127.0.0.1/', 'address'],
  ['http://2130706433/', 'address'],
  ['http://0x7f000001/', 'address'],
  ['http://0177.0.0.1/', 'address'],
  ['http://017700000001/', 'address'],
  ['http://127.1/', 'address'],
  ['http://127.0.1/', 'address'],
  ['http://127.0.0.1./', 'address'],
  ['http://0/', 'address'],
  ['http://127。0。0。1/', 'address'],
  ['http://127｡0｡0｡1/', 'host_syntax'],
  ['http://①②⑦.⓪.⓪.①/', 'host_syntax'],
  ['http://１２７.0.0.1/', 'host_syntax'],
  ['http://%31%32%37.0.0.1/', 'host_syntax'],
  ['http://[::1]/', 'address'],
  ['http://[::]/', 'address'],
  ['http://[::ffff:127.0.0.1]/', 'address'],
  ['http://[::127.0.0.1]/', 'address'],
  ['http://[64:ff9b::7f00:1]/', 'address'],
  ['http://[fd00:ec2::254]/latest/meta-data', 'address'],
  ['http://169.254.169.254/latest/meta-data', 'address'],
  ['http://168.63.129.16/', 'address'],
  // What the parser would repair.
  ['http:169.254.169.254', 'malformed'],
  ['http:///169.254.169.254', 'malformed'],
  ['http://169.254.169.254\\@example.com/', 'bad_character'],
  ['http://exam\tple.com/', 'bad_character'],
  ['http://example.com/\r\nHost: x', 'bad_character'],
  [' http://example.com/', 'bad_character'],
  ['http://example.com/a b', 'bad_character'],
  ['http://example.com/\u0000', 'bad_character'],
  ['http://example.com/\u00a0', 'bad_character'],
  ['http://example.com/\u2028', 'bad_character'],
  ['http://good@169.254.169.254/', 'userinfo'],
  ['https://user:secret@example.com/', 'userinfo'],
  ['https://@example.com/', 'userinfo'],
  ['http://example.com%00.evil.com/', 'host_syntax'],
  ['http://example.com%0d%0a/', 'host_syntax'],
  ['http://[fe80::1%25eth0]/', 'host_syntax'],
  ['http://256.256.256.256/', 'malformed'],
  ['http://1.2.3.4.5/', 'malformed'],
  ['http://4294967296/', 'malformed'],
  ['//example.com/', 'malformed'],
  ['/hooks', 'malformed'],
  ['', 'malformed'],
  ['example.com', 'malformed'],
  ['http://', 'malformed'],
  ['http://example.com:99999/', 'malformed'],
  // Schemes.
  ['ftp://example.com/', 'scheme'],
  ['file://example.com/etc/passwd', 'scheme'],
  ['gopher://example.com/', 'scheme'],
  ['ws://example.com/', 'scheme'],
  ['javascript://example.com/%0aalert(1)', 'scheme'],
  // Names.
  ['http://localhost/', 'host_name'],
  ['http://LOCALHOST./', 'host_name'],
  ['http://a.localhost/', 'host_name'],
  ['http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/', 'host_syntax'],
  ['http://loc\u00adalhost/', 'host_name'],
  ['http://local\u200bhost/', 'host_name'],
  ['http://localhost.localdomain/', 'host_name'],
  ['http://printer.local/', 'host_name'],
  ['http://metadata.google.internal/', 'host_name'],
  ['http://metadata.google.internal./', 'host_name'],
  ['http://router.home.arpa/', 'host_name'],
  ['http://abcdef.onion/', 'host_name'],
  ['http://internal/', 'host_name'],
  ['http://postgres/', 'host_name'],
  ['http://a..b/', 'host_syntax'],
  ['http://.a.com/', 'host_syntax'],
  ['http://-a.com/', 'host_syntax'],
  ['http://a-.com/', 'host_syntax'],
  ['http://example.com../', 'host_syntax'],
  [`http://${'a'.repeat(64)}.com/`, 'host_syntax'],
  [`http://${'a.'.repeat(127)}com/`, 'host_syntax'],
  ["http://a'b.com/", 'host_syntax'],
  // Ports.
  ['https://example.com:0/', 'port'],
  ['https://example.com:22/', 'port'],
  ['https://example.com:25/', 'port'],
  ['https://example.com:5432/', 'port'],
  ['https://example.com:6379/', 'port'],
  ['https://example.com:6667/', 'port'],
  ['https://example.com:7233/', 'port'],
  ['https://example.com:10080/', 'port'],
  ['https://example.com:27017/', 'port'],
  // Length.
  [`https://example.com/${'a'.repeat(2029)}`, 'too_long'],
  [`https://example.com/${'ü'.repeat(1000)}`, 'too_long'],
];

describe('a webhook URL', () => {
  it.each(refused)('%j is refused as %s', (url, reason) => {
    expect(refusal(strict, url)).toBe(reason);
  });

  it.each([
    ['https://example.com', 'https://example.com/'],
    ['https://EXAMPLE.com:443/Hooks?a=B', 'https://example.com/Hooks?a=B'],
    ['https://example.com./hooks', 'https://example.com/hooks'],
    ['http://example.com:8080/a/../b', 'http://example.com:8080/b'],
    ['https://münchen.example/', 'https://xn--mnchen-3ya.example/'],
    ['https://my_hooks.example.com/', 'https://my_hooks.example.com/'],
    ['https://example.com/a@b%20c', 'https://example.com/a@b%20c'],
    ['https://8.8.8.8:8443/', 'https://8.8.8.8:8443/'],
    ['https://134744072/', 'https://8.8.8.8/'],
    ['https://[2606:4700:4700::1111]/', 'https://[2606:4700:4700::1111]/'],
    [`https://example.com/${'a'.repeat(2028)}`, `https://example.com/${'a'.repeat(2028)}`],
  ])('%s is kept as %s', (url, href) => {
    expect(strict.checkUrl(url).href).toBe(href);
  });

  it('is taken apart for the request', () => {
    expect(strict.checkUrl('https://[2606:4700:4700::1111]:8443/a?b=c#d')).toEqual({
      href: 'https://[2606:4700:4700::1111]:8443/a?b=c#d',
      origin: 'https://[2606:4700:4700::1111]:8443',
      hostname: '2606:4700:4700::1111',
      path: '/a?b=c',
    });
  });

  it('needs https unless http is allowed', () => {
    const guard = createEgressGuard({ allowHttp: false, allowCidrs: [] });

    expect(refusal(guard, 'http://example.com/')).toBe('scheme');
    expect(refusal(guard, 'https://example.com/')).toBeUndefined();
  });

  it('gets one and the same message for every blocked target', () => {
    const urls = ['http://127.0.0.1/', 'http://10.1.2.3/', 'http://localhost/', 'https://example.com:22/'];

    const messages = urls.map((url) => {
      try {
        return strict.checkUrl(url);
      } catch (error) {
        return (error as UrlNotAllowed).message;
      }
    });

    expect(new Set(messages)).toEqual(new Set(['This target is not allowed.']));
  });
});

describe('a webhook URL where the operator opened loopback', () => {
  it.each([
    'http://127.0.0.1:3000/hook',
    'http://localhost:4000/hook',
    'http://app.localhost/',
    'http://127.0.0.1:6000/',
    'http://localhost:10080/',
    'http://[::ffff:127.0.0.1]:8080/',
    'http://receiver:8080/',
    'http://hooks.internal/',
  ])('%s is allowed', (url) => {
    expect(refusal(embedded, url)).toBeUndefined();
  });

  it.each<[string, UrlRefusal]>([
    ['http://10.0.0.1/', 'address'],
    ['http://[::1]/', 'address'],
    ['http://127.0.0.1:5432/', 'port'],
    ['http://localhost:6379/', 'port'],
    ['http://example.com:6000/', 'port'],
    ['http://abcdef.onion/', 'host_name'],
  ])('%s stays refused as %s', (url, reason) => {
    expect(refusal(embedded, url)).toBe(reason);
  });

  it('keeps localhost refused when another range was opened', () => {
    const guard = createEgressGuard({ allowHttp: true, allowCidrs: ['10.0.0.0/8'] });

    expect(refusal(guard, 'http://localhost/')).toBe('host_name');
    expect(refusal(guard, 'http://10.0.0.1/')).toBeUndefined();
  });
});
