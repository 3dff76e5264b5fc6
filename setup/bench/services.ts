import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { convertedImage } from '../../test/helpers/converted-image.ts';
import { updateFrom } from '../../test/helpers/machine.ts';
import { executable } from '../../test/helpers/sandbox.ts';
import {
  installReference,
  installServices,
  makeServices,
  type ServiceMachine,
} from '../../test/helpers/services.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from '../../test/helpers/vendor.ts';
import type { Program, Run } from './program.ts';
import { shell } from './program.ts';
import type { Context } from './row.ts';

// Machines with services, in networks of their own on this host. Its kernel has no device-mapper: images are hashed before each mount.

/** Nginx behind a port of the host: `web` can run beside its successor, `store` has a volume and can not. */
export const ports = { web: 8080, store: 8081 } as const;
export type Served = keyof typeof ports;

export async function makeWebMachine(context: Context): Promise<ServiceMachine> {
  const vendor = await makeVendor(context);
  await publish(vendor, '1.0.0');
  await publish(vendor, '2.0.0');
  return installServices(context, vendor, Object.keys(ports));
}

async function publish(vendor: Vendor, release: string): Promise<void> {
  const hostfs = await addImage(vendor, 'hostfs', { 'etc/name': 'hostfs' });
  const source = await convertedImage({ name: 'nginx' });
  const target = (name: Served, more: string) =>
    `  - { service_name: ${name}, source: '${source}', version: '${release}', service_type: container, nsgroup: ${name}, network: { type: simple, ports: [{ host: ${ports[name]}, container: 80 }] }, health: { http: { port: 80, path: / } }${more} }\n`;
  await publishRelease(vendor, {
    name: `machine/install:${release}`,
    manifest: `update_type: complete
storage: [{ label: kept, persistent: true, nsgroup: store, size: 16M }]
targets:
  - { service_name: hostfs, source: '${hostfs}', version: '1', service_type: hostfs, nsgroup: none, network: { type: none } }
${target('web', '')}${target('store', ', storage: [{ dest: /srv, label: kept }]')}`,
  });
}

/** The release that does not run is taken as an update; nothing is started yet. */
export async function takeOther(machine: ServiceMachine): Promise<void> {
  const [running] = JSON.parse(machine.must('status', '--json')).targets.filter(
    ({ name }: { name: string }) => name === 'web',
  );
  const other = running.version === '1.0.0' ? '2.0.0' : '1.0.0';
  await updateFrom(machine.root, installReference(machine.vendor, other));
}

/** Twenty small services with networks of their own. */
export const makeTwenty = (context: Context): Promise<ServiceMachine> => {
  const script = 'mkdir -p /tmp/w; echo here >/tmp/w/index.html; exec busybox httpd -f -p 80 -h /tmp/w';
  const one = { script, network: '{ type: simple }', image: { StopSignal: 'SIGKILL' } };
  return makeServices(context, Object.fromEntries(names.map((name) => [name, { ...one, nsgroup: 'all' }])));
};
export const names: readonly string[] = Array.from({ length: 20 }, (_, index) => `s${index + 1}`);

/** A line of shell in the network of the machine; `$MOS` and `$ROOT` name the executable and the root. */
export const within = (machine: ServiceMachine, line: string): Program => {
  const enter = ['nsenter', '-t', String(machine.sandbox.pid), '--net', '--mount', '--'];
  const { argv } = shell(line);
  return { argv: [...enter, ...argv], env: { MOS: executable, ROOT: resolve(machine.root) } };
};

/** Resident memory of the supervisor. */
export function supervisorMemory(machine: ServiceMachine): Run {
  const process = machine.sandbox.must('pgrep', '-f', `supervise --quiet --root ${machine.root}`).trim();
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${process}/status`, 'utf8'))?.[1]);
  return { milliseconds: 0, mebibytes: kibibytes / 1024 };
}
