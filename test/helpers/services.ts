import { linuxHost as host } from '../../pkg/host/linux/index.ts';
import type { LayerEntries } from './atomfs-image.ts';
import { installFrom, makeMountRoot } from './machine.ts';
import type { Owner } from './registries/process.ts';
import { executable, makeSandbox, type Said, type Sandbox } from './sandbox.ts';
import { addImage, addProgram, makeVendor, publishRelease, type Vendor } from './vendor.ts';

/** A service for a test: a script that busybox runs, and what the import file says of it besides name and image. */
export type TestService = {
  readonly script: string;
  readonly more?: string;
  readonly nsgroup?: string;
  readonly network?: string;
  readonly image?: Readonly<Record<string, unknown>>;
  readonly files?: LayerEntries;
  readonly version?: string;
};

export type ServiceMachine = {
  readonly vendor: Vendor;
  readonly root: string;
  readonly sandbox: Sandbox;
  /** The executable within the sandbox. */
  mosctl(...words: readonly [string, ...string[]]): Said;
  must(...words: readonly [string, ...string[]]): string;
  activate(name: string): Said;
};

export const installReference = (vendor: Vendor, tag = '1.0.0'): string =>
  `zot:${vendor.repository}:machine/install:${tag}`;

/** An installed machine with these services, none of which runs, in a sandbox; in the end all are stopped. */
export async function makeServices(
  t: Owner,
  services: Readonly<Record<string, TestService>>,
  {
    storage = '',
    before,
  }: {
    /** Lines of the import file that define volumes. */
    readonly storage?: string;
    /** Whatever is to be done with the root before the installation. */
    readonly before?: (root: string, sandbox: Sandbox) => void;
  } = {},
): Promise<ServiceMachine> {
  const vendor = await makeVendor(t);
  await publishServices(vendor, services, '1.0.0', storage);
  return installServices(t, vendor, Object.keys(services), before);
}

/** The same of what a vendor has published, with the names of its services. */
export async function installServices(
  t: Owner,
  vendor: Vendor,
  names: readonly string[],
  before?: (root: string, sandbox: Sandbox) => void,
): Promise<ServiceMachine> {
  const sandbox = await makeSandbox(t);
  const root = await makeMountRoot(t, vendor);
  before?.(root, sandbox);
  await installFrom(root, installReference(vendor));
  const words = ([name, ...rest]: readonly [string, ...string[]]) =>
    [executable, name, '--root', root, ...rest] as const;
  const machine: ServiceMachine = {
    vendor,
    root,
    sandbox,
    mosctl: (...given) => sandbox.run(...words(given)),
    must: (...given) => sandbox.must(...words(given)),
    activate: (name) => sandbox.run(...words(['activate', '-t', name, '--integrity', 'digest'])),
  };
  t.teardown(() => {
    for (const name of names) machine.mosctl('stop', name, '--timeout', '0');
    sandbox.run(executable, 'umount', '--root', root, '--all');
  });
  return machine;
}

export async function publishServices(
  vendor: Vendor,
  services: Readonly<Record<string, TestService>>,
  tag = '1.0.0',
  /** Lines of the import file that define volumes. */
  storage = '',
): Promise<void> {
  const hostfs = await addImage(vendor, 'hostfs', { 'etc/name': 'hostfs' });
  const lines = [
    `{ service_name: hostfs, source: '${hostfs}', version: '1', service_type: hostfs, nsgroup: none, network: { type: none } }`,
  ];
  for (const [name, service] of Object.entries(services)) {
    const {
      script,
      image = {},
      files = {},
      nsgroup = name,
      network = '{ type: none }',
      version = '1',
    } = service;
    const run = { Entrypoint: ['/bin/busybox', 'sh', '-c'], Cmd: [script], Env: ['PATH=/bin'], ...image };
    const source = await addProgram(vendor, `${name}-${version}`, run, {
      'etc/passwd': 'root:x:0:0::/root:/bin/sh\nweb:x:33:34:Web:/srv:/bin/sh\n',
      'etc/group': 'web:x:34:\n',
      ...files,
    });
    lines.push(
      `{ service_name: ${name}, source: '${source}', version: '${version}', service_type: container, nsgroup: ${nsgroup}, network: ${network}${service.more ?? ''} }`,
    );
  }
  const targets = lines.map((line) => `  - ${line}\n`).join('');
  await publishRelease(vendor, {
    name: `machine/install:${tag}`,
    manifest: `update_type: complete\n${storage}targets:\n${targets}`,
  });
}

/** Waits for what another process does, with a deadline that only a broken one reaches. */
export async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
  for (let tries = 0; tries < 400; tries++) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    await host.clock.sleep(50);
  }
  throw new Error(`waited for ${what}`);
}
