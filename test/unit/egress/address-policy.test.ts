import { createAddressPolicy } from '../../../src/egress/address-policy';

/** First and last address of every denied IPv4 range, and the neighbours that are public. */
const ipv4Ranges: [range: string, first: string, last: string, before?: string, after?: string][] = [
  ['0.0.0.0/8', '0.0.0.0', '0.255.255.255', undefined, '1.0.0.0'],
  ['10.0.0.0/8', '10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
  ['100.64.0.0/10', '100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
  ['127.0.0.0/8', '127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
  ['169.254.0.0/16', '169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
  ['172.16.0.0/12', '172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
  ['192.0.0.0/24', '192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
  ['192.0.2.0/24', '192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
  ['192.31.196.0/24', '192.31.196.0', '192.31.196.255', '192.31.195.255', '192.31.197.0'],
  ['192.52.193.0/24', '192.52.193.0', '192.52.193.255', '192.52.192.255', '192.52.194.0'],
  ['192.88.99.0/24', '192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
  ['192.168.0.0/16', '192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
  ['192.175.48.0/24', '192.175.48.0', '192.175.48.255', '192.175.47.255', '192.175.49.0'],
  ['198.18.0.0/15', '198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
  ['198.51.100.0/24', '198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
  ['203.0.113.0/24', '203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
  ['224.0.0.0/3', '224.0.0.0', '255.255.255.255', '223.255.255.255', undefined],
  ['168.63.129.16/32', '168.63.129.16', '168.63.129.16', '168.63.129.15', '168.63.129.17'],
];

const deniedIpv4 = ipv4Ranges.flatMap(([, first, last]) => [first, last]);
const allowedIpv4 = ipv4Ranges.flatMap(([, , , ...neighbours]) => neighbours.filter((each) => each !== undefined));

const metadataAddresses = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '169.254.42.42',
  '192.0.0.192',
  '100.100.100.200',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
  'fd00:42::42',
];

const deniedIpv6 = [
  '::',
  '::1',
  '::7f00:1',
  '::8.8.8.8',
  '0:0:0:0:0:0:8.8.8.8',
  '::ffff:0:127.0.0.1',
  '::ffff:0:8.8.8.8',
  '64:ff9b::7f00:1',
  '64:ff9b::808:808',
  '64:ff9b:1::1',
  '100::1',
  '100:0:0:1::1',
  '1::1',
  '2000::1',
  '2001::1',
  '2001:0:4136:e378:8000:63bf:3fff:fdd2',
  '2001:2::1',
  '2001:3::1',
  '2001:4:112::1',
  '2001:10::1',
  '2001:20::1',
  '2001:30::1',
  '2001:1ff:ffff::1',
  '2001:db8::1',
  '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
  '2001:1000::1',
  '2001:c000::1',
  '2002:7f00:1::1',
  '2002:808:808::1',
  '2003:4000::1',
  '2420::1',
  '2612::1',
  '2620:4f:8000::1',
  '2620:200::1',
  '3000::1',
  '3ffe::1',
  '3fff::1',
  '4000::1',
  '5f00::1',
  'f000::1',
  'fc00::1',
  'fdff:ffff::1',
  'fe80::1',
  'febf::1',
  'fec0::1',
  'ff02::1',
  'ffff::1',
];

const allowedIpv6 = [
  '2001:200::1',
  '2001:4860:4860::8888',
  '2001:b000::1',
  '2001:db7:ffff::1',
  '2001:db9::1',
  '2003::1',
  '2400:cb00::1',
  '2410::1',
  '2606:4700:4700::1111',
  '2610::1',
  '2620:4e:ffff::1',
  '2620:4f:8001::1',
  '2620:fe::fe',
  '2630::1',
  '2800::1',
  '2a00:1450::1',
  '2a1f:ffff::1',
  '2c0f:fb50::1',
];

const garbage = [
  '',
  ' ',
  'localhost',
  'example.com',
  '127.1',
  '2130706433',
  '0x7f000001',
  '010.0.0.1',
  '8.8.8',
  '8.8.8.8.8',
  '8.8.8.256',
  ' 8.8.8.8',
  '8.8.8.8\n',
  '[2606:4700:4700::1111]',
  '2606:4700:4700::1111%eth0',
  'fe80::1%eth0',
  '::ffff:8.8.8.8:80',
  ':::',
  '2606:4700:4700::11111',
];

describe('an address policy without opened ranges', () => {
  const policy = createAddressPolicy({ allowCidrs: [] });

  it.each([...deniedIpv4, ...metadataAddresses, ...deniedIpv6])('denies %s', (address) => {
    expect(policy.allows(address)).toBe(false);
  });

  it.each([...allowedIpv4, '8.8.8.8', '1.1.1.1', ...allowedIpv6])('allows %s', (address) => {
    expect(policy.allows(address)).toBe(true);
  });

  it.each(deniedIpv4)('denies the mapped form of %s', (address) => {
    expect(policy.allows(`::ffff:${address}`)).toBe(false);
  });

  it('judges a mapped address in hexadecimal by the IPv4 address inside', () => {
    expect(policy.allows('::ffff:7f00:1')).toBe(false);
    expect(policy.allows('0:0:0:0:0:ffff:a9fe:a9fe')).toBe(false);
    expect(policy.allows('::ffff:808:808')).toBe(true);
  });

  it.each(garbage)('denies what is no plain address: %j', (text) => {
    expect(policy.allows(text)).toBe(false);
  });

  it('says that nothing was opened', () => {
    expect(policy.opensAny).toBe(false);
    expect(policy.opens('8.8.8.8')).toBe(false);
  });
});

describe('an address policy with opened ranges', () => {
  it('allows the opened range, its mapped form, and nothing beside it', () => {
    const policy = createAddressPolicy({ allowCidrs: ['127.0.0.0/8', ' fd00:1::/32 '] });

    expect(policy.allows('127.0.0.1')).toBe(true);
    expect(policy.allows('::ffff:127.0.0.1')).toBe(true);
    expect(policy.allows('::ffff:7f00:1')).toBe(true);
    expect(policy.allows('fd00:1::5')).toBe(true);
    expect(policy.allows('::1')).toBe(false);
    expect(policy.allows('10.0.0.1')).toBe(false);
    expect(policy.allows('fd00:2::5')).toBe(false);
    expect(policy.opens('127.0.0.1')).toBe(true);
    expect(policy.opens('8.8.8.8')).toBe(false);
    expect(policy.opensAny).toBe(true);
  });

  it('reads a mapped range as the IPv4 range inside', () => {
    const policy = createAddressPolicy({ allowCidrs: ['::ffff:10.0.0.0/104'] });

    expect(policy.allows('10.1.2.3')).toBe(true);
    expect(policy.allows('11.1.2.3')).toBe(true);
    expect(policy.allows('192.168.1.1')).toBe(false);
  });

  it('keeps IPv4 closed when all of IPv6 is opened', () => {
    const policy = createAddressPolicy({ allowCidrs: ['::/0'] });

    expect(policy.allows('::1')).toBe(true);
    expect(policy.allows('127.0.0.1')).toBe(false);
    expect(policy.allows('::ffff:127.0.0.1')).toBe(false);
  });

  it.each([
    '',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0/8',
    '127.1/8',
    '::1/129',
    'lan/8',
    '::%1/8',
  ])('refuses the entry %j and names its setting', (entry) => {
    expect(() => createAddressPolicy({ allowCidrs: ['10.0.0.0/8', entry] })).toThrow(`EGRESS_ALLOW_CIDRS: "${entry}"`);
  });
});
