import { createAddressRanges, networkOf } from '../../src/address-ranges';

const proxies = createAddressRanges('TRUSTED_PROXY_CIDRS', ['10.1.0.0/16', '::1/128', 'fd00::/8']);

describe('address ranges', () => {
  it.each(['10.1.2.3', '::ffff:10.1.2.3', '::ffff:0a01:0203', '::1', 'fd12::1'])('include %s', (address) => {
    expect(proxies.includes(address)).toBe(true);
  });

  it.each([
    undefined,
    '',
    '10.2.0.1',
    '10.1',
    '010.1.2.3',
    '10.1.2.3, 10.1.2.4',
    '::10.1.2.3',
    'fe80::1%eth0',
    'fd00::1%eth0',
    'proxy',
  ])('do not include %j', (address) => {
    expect(proxies.includes(address)).toBe(false);
  });

  it('include nobody when there are none', () => {
    expect(createAddressRanges('TRUSTED_PROXY_CIDRS', []).includes('127.0.0.1')).toBe(false);
  });

  it('take a range in mapped form for the IPv4 range it is', () => {
    expect(createAddressRanges('X', ['::ffff:10.0.0.0/104']).includes('10.9.9.9')).toBe(true);
  });

  it.each(['10.1.0.0', '10.1.0.0/33', 'proxy/8', '10.1/16'])('refuse %s by the name of the setting', (entry) => {
    expect(() => createAddressRanges('TRUSTED_PROXY_CIDRS', [entry])).toThrow(
      `TRUSTED_PROXY_CIDRS: "${entry}" is not a CIDR range`,
    );
  });
});

describe('the network of an address', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['2001:db8:1:2::9', '2001:db8:1:2::'],
    ['unknown', 'unknown'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
