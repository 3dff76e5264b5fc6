import test from 'ava';
import { addressOf, configKeyOf } from '../../pkg/registry/address.ts';

const leads = test.macro({
  exec: (
    t,
    registry: string,
    more: Parameters<typeof addressOf>[1] & { scheme?: 'http' | 'https' },
    to: string,
  ) => {
    t.is(addressOf({ registry, scheme: more?.scheme }, more).origin, to);
  },
  title: (_, registry, more, to) => `${registry} with ${JSON.stringify(more)} is ${to}`,
});
test(leads, 'host.example:5000', {}, 'https://host.example:5000');
test(leads, 'host.example:5000', { plainHttp: true }, 'http://host.example:5000');
test(leads, 'host.example', { scheme: 'http' }, 'http://host.example');
test(leads, 'host.example', { scheme: 'https', plainHttp: true }, 'https://host.example');
test(leads, 'localhost:5000', {}, 'http://localhost:5000');
test(leads, '127.0.0.1:5000', {}, 'http://127.0.0.1:5000');
test(leads, '127.8.0.1:5000', {}, 'http://127.8.0.1:5000');
test(leads, '[::1]:5000', {}, 'http://[::1]:5000');
test(leads, '127.0.0.1:5000', { hasCa: true }, 'https://127.0.0.1:5000');
test(leads, '127.0.0.1:5000', { scheme: 'https' }, 'https://127.0.0.1:5000');
test(leads, 'localhost.evil.example', {}, 'https://localhost.evil.example');
test(leads, '127.0.0.1.evil.example', {}, 'https://127.0.0.1.evil.example');
test(leads, '10.0.0.1:5000', {}, 'https://10.0.0.1:5000');
test(leads, 'docker.io', {}, 'https://registry-1.docker.io');

test('docker login keeps Docker Hub under its old name', (t) => {
  t.is(configKeyOf('docker.io'), 'index.docker.io');
  t.is(configKeyOf('Host.example:5000'), 'host.example:5000');
});
