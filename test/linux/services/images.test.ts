import test, { type ExecutionContext } from 'ava';
import { convertedImage } from '../../helpers/converted-image.ts';
import { updateFrom } from '../../helpers/machine.ts';
import { installReference, installServices, type ServiceMachine, until } from '../../helpers/services.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from '../../helpers/vendor.ts';

// Images of layouts/images as services, just as they are: their own entrypoint, user, folder and stop signal.

/** What the import file says of a service besides its name and image. */
const services = {
  web: 'network: { type: simple, ports: [{ host: 8080, container: 80 }] }, health: { http: { port: 80, path: / } }',
  cache: 'network: { type: simple }, health: { exec: [redis-cli, ping] }',
  small: 'network: { type: simple, ports: [{ host: 8081, container: 8080 }] }',
  data:
    'network: { type: simple, ports: [{ host: 5432, container: 5432 }] }, health: { exec: [pg_isready] }, ' +
    'storage: [{ dest: /var/lib/postgresql/data, label: data }]',
} as const;
type Name = keyof typeof services;
const images = { web: 'nginx', cache: 'redis', small: 'busybox', data: 'postgres' } as const;

async function publish(
  vendor: Vendor,
  release: string,
  chosen: Readonly<Partial<Record<Name, string>>>,
): Promise<void> {
  const hostfs = await addImage(vendor, 'hostfs', { 'etc/name': 'hostfs' });
  const targets: string[] = [];
  for (const [name, more] of Object.entries(chosen) as [Name, string][]) {
    const source = await convertedImage({ name: images[name] });
    targets.push(
      `  - { service_name: ${name}, source: '${source}', version: '1', service_type: container, nsgroup: ${name}, ${more} }\n`,
    );
  }
  await publishRelease(vendor, {
    name: `machine/install:${release}`,
    manifest: `update_type: complete
storage: [{ label: data, persistent: true, nsgroup: data, size: 128M }]
targets:
  - { service_name: hostfs, source: '${hostfs}', version: '1', service_type: hostfs, nsgroup: none, network: { type: none } }
${targets.join('')}`,
  });
}

/** The ids of a service's processes, as it sees them. */
function ownersIn(machine: ServiceMachine, name: Name): number[] {
  const found = JSON.parse(machine.must('ps', '--json')).services.find(
    (service: { name: string }) => service.name === name,
  );
  const master = String(found.process);
  const said = machine.sandbox.must('sh', '-c', `ps -o uid= -p ${master} --ppid ${master}`);
  return [...new Set(said.trim().split(/\s+/))].map((text) => Number(text) - found.firstId);
}

function endsByItself(t: ExecutionContext, machine: ServiceMachine, name: Name): void {
  const started = performance.now();
  t.is(machine.must('stop', name), `${name} is stopped\n`);
  t.true(
    performance.now() - started < 10_000,
    `${name} ends by its own stop signal, long before it is killed`,
  );
}

test.serial(
  'nginx, redis and busybox run as they are, with their own entrypoint, user and stop signal',
  async (t) => {
    t.timeout(300_000);
    const vendor = await makeVendor(t);
    const { web, cache, small } = services;
    await publish(vendor, '1.0.0', { web, cache, small });
    const machine = await installServices(t, vendor, ['web', 'cache', 'small']);
    const { sandbox, must } = machine;
    must('boot', '--integrity', 'digest');

    t.is(sandbox.must('curl', '--silent', 'http://127.0.0.1:8080/'), 'nginx of mos, version 1\n');
    t.deepEqual(ownersIn(machine, 'web'), [0, 33], 'a master that is root, workers that are www-data');
    await until('its log', () => must('logs', 'web').includes('"GET / HTTP/1.1" 200'));

    t.is(must('exec', 'cache', '--', 'redis-cli', 'set', 'colour', 'red'), 'OK\n');
    t.is(
      must(
        'exec',
        'web',
        '--',
        'bash',
        '-c',
        'exec 3<>/dev/tcp/cache/6379; echo get colour >&3; head -n 2 <&3',
      ),
      '$3\r\nred\r\n',
    );
    t.not(ownersIn(machine, 'cache')[0], 0);

    t.is(sandbox.must('curl', '--silent', 'http://127.0.0.1:8081/'), 'busybox of mos, version 1\n');
    t.deepEqual(ownersIn(machine, 'small'), [80]);
    for (const name of ['web', 'cache', 'small'] as const) endsByItself(t, machine, name);
  },
);

test.serial('what PostgreSQL keeps on a volume is there after an update', async (t) => {
  t.timeout(300_000);
  const vendor = await makeVendor(t);
  const data = (more: string) => `${services.data}, environment: { ${more} }`;
  await publish(vendor, '1.0.0', { data: data(`POSTGRES_PASSWORD: "it's one"`) });
  const machine = await installServices(t, vendor, ['data']);
  t.is(machine.activate('data').err, '');
  const psql = (command: string) => machine.must('exec', 'data', '--', 'psql', '-qtAc', command);
  psql('create table kept (line text)');
  psql("insert into kept values ('before the update')");
  const overNetwork = [
    'env',
    "PGPASSWORD=it's one",
    'psql',
    '-h',
    '127.0.0.1',
    '-qtAc',
    'select line from kept',
  ];
  t.is(machine.must('exec', 'data', '--', ...overNetwork), 'before the update\n');
  t.not(ownersIn(machine, 'data')[0], 0);

  await publish(vendor, '2.0.0', { data: data('RELEASE: two') });
  await updateFrom(machine.root, installReference(vendor, '2.0.0'));
  t.is(machine.activate('data').err, '');
  t.is(machine.must('exec', 'data', '--', 'printenv', 'RELEASE'), 'two\n');
  t.is(psql('select line from kept'), 'before the update\n');
  const log = machine.must('logs', 'data');
  t.regex(log, /database system was shut down at/);
  t.notRegex(log, /was not properly shut down|interrupted/);
  endsByItself(t, machine, 'data');
});
