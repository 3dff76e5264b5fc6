import { resolve } from 'node:path';
import test from 'ava';
import { installFrom, makeMountRoot } from '../../helpers/machine.ts';
import { executable, makeSandbox } from '../../helpers/sandbox.ts';
import { installReference, until } from '../../helpers/services.ts';
import { addImage, makeVendor, publishRelease } from '../../helpers/vendor.ts';

test("an image of Debian's nginx runs as it is, with its own entrypoint, stop signal and workers", async (t) => {
  t.timeout(300_000);
  const vendor = await makeVendor(t);
  const sandbox = await makeSandbox(t);
  const hostfs = await addImage(vendor, 'hostfs', { 'etc/name': 'hostfs' });
  await publishRelease(vendor, {
    manifest: `update_type: complete
targets:
  - { service_name: hostfs, source: '${hostfs}', version: '1', service_type: hostfs, nsgroup: none, network: { type: none } }
  - service_name: web
    source: oci:${resolve('build/images/nginx')}:1
    version: '1'
    service_type: container
    nsgroup: web
    network: { type: simple, ports: [{ host: 8080, container: 80 }] }
    health: { http: { port: 80, path: / } }
`,
  });
  const root = await makeMountRoot(t, vendor);
  await installFrom(root, installReference(vendor));
  const mosctl = (name: string, ...words: readonly string[]) =>
    sandbox.must(executable, name, '--root', root, ...words);
  t.teardown(() => {
    sandbox.run(executable, 'stop', '--root', root, 'web', '--timeout', '0');
    sandbox.run(executable, 'umount', '--root', root, '--all');
  });
  mosctl('activate', '-t', 'web', '--integrity', 'digest');
  t.is(sandbox.must('curl', '--silent', 'http://127.0.0.1:8080/'), 'nginx of mos, version 1\n');
  const [service] = JSON.parse(mosctl('ps', '--json')).services;
  const master = String(service.process);
  const owners = sandbox
    .must('sh', '-c', `ps -o uid= -p ${master}; ps -o uid= --ppid ${master}`)
    .split(/\s+/);
  // www-data is 33 in Debian.
  t.deepEqual([...new Set(owners.filter((text) => text !== ''))], ['100000', '100033']);
  await until('its log', () => mosctl('logs', 'web').includes('"GET / HTTP/1.1" 200'));
  const started = performance.now();
  t.is(mosctl('stop', 'web'), 'web is stopped\n');
  t.true(
    performance.now() - started < 10_000,
    'it ends by its own stop signal, long before it would be killed',
  );
});
