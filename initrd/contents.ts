import { MosError } from '../pkg/errors/index.ts';
import type { Host } from '../pkg/host/index.ts';
import type { CpioEntry } from './cpio.ts';
import {
  diskModules,
  liveModules,
  moduleKey,
  networkModules,
  optionalModules,
  parseDepends,
  planModules,
  wantedModules,
} from './modules.ts';

/** Where an initrd's parts are found. `modules` is a folder of *.ko files of one kernel. */
export type InitrdParts = {
  readonly preinit: string;
  readonly mosctl: string;
  readonly manifestCa: string;
  readonly modules: string;
  /** Of a machine with a TPM: the CA of its identity, `pcr7data` of the keyset, and the program that unlocks disks. */
  readonly secrets?: { readonly sudiCa: string; readonly policies: string; readonly cryptsetup: string };
  /** Of a live system, and no other: what it boots (`renderPin`). */
  readonly live?: string;
  /** Of a live system out of a registry: the CA of its TLS certificate, where it has one of its own. */
  readonly network?: { readonly registryCa: string | undefined };
};

/** Where they lie in the initrd. */
export const inInitrd = {
  mosctl: 'bin/mosctl',
  manifestCa: 'manifestCA.pem',
  sudiCa: 'sudiCA.pem',
  /** The reference has it there too. */
  policies: 'pcr7data',
  cryptsetup: 'sbin/cryptsetup',
  modules: 'lib/modules',
  /** Names of the modules' files in the order of loading, one a line. */
  moduleOrder: 'lib/modules/order',
  /** Of a bootkit; an initrd of its own has none. */
  buildId: 'build-id',
  /** With it the initrd boots a live system, and asks for no secrets. */
  live: 'live',
  /** Of a live system out of a registry that has a CA of its own. */
  registryCa: 'registryCA.pem',
  newRoot: 'sysroot',
} as const;

/** The executable needs the C library and its loader, nothing else. */
const libraryFolders = { x86_64: '/lib/x86_64-linux-gnu', aarch64: '/lib/aarch64-linux-gnu' } as const;
const loaders = { x86_64: '/lib64/ld-linux-x86-64.so.2', aarch64: '/lib/ld-linux-aarch64.so.1' } as const;
const libraries = ['libc.so.6', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2'];

/** Everything an initrd consists of: the same parts give the same entries. */
export async function readInitrd(host: Host, parts: InitrdParts): Promise<CpioEntry[]> {
  const executable = async (path: string, from: string): Promise<CpioEntry> => ({
    kind: 'file',
    path,
    mode: 0o755,
    content: await host.files.read(from),
  });
  return [
    await executable('init', parts.preinit),
    await executable(inInitrd.mosctl, parts.mosctl),
    ...(await Promise.all(
      [...new Set([...libraryFiles(host), ...(await librariesOf(host, parts.secrets?.cryptsetup))])].map(
        (file) => executable(file.slice(1), file),
      ),
    )),
    ...(await moduleEntries(host, parts)),
    {
      kind: 'file',
      path: inInitrd.manifestCa,
      mode: 0o644,
      content: await host.files.read(parts.manifestCa),
    },
    ...(await secretEntries(host, parts.secrets, executable)),
    ...(parts.live === undefined ? [] : [liveEntry(parts.live)]),
    ...(parts.network?.registryCa === undefined
      ? []
      : [await plainFile(host, inInitrd.registryCa, parts.network.registryCa)]),
    { kind: 'folder', path: inInitrd.newRoot, mode: 0o755 },
    { kind: 'folder', path: 'tmp', mode: 0o700 },
  ];
}

const liveEntry = (pin: string): CpioEntry => ({
  kind: 'file',
  path: inInitrd.live,
  mode: 0o644,
  content: Buffer.from(pin),
});

/** What a program of this machine is linked with, as the loader finds it here. */
async function librariesOf(host: Host, program: string | undefined): Promise<string[]> {
  if (program === undefined) return [];
  if ((await host.files.stat(program)) === undefined)
    throw new MosError('not-found', `cannot make an initrd: there is no ${program}`, {
      hint: 'apt-get install cryptsetup-bin',
    });
  const { stdout } = await host.processes.query(['ldd', program]);
  return [
    ...Buffer.from(stdout)
      .toString()
      .matchAll(/(?:=> |^\s)(\/\S+) \(0x/gm),
  ].map(([, path = '']) => path);
}

async function secretEntries(
  host: Host,
  secrets: InitrdParts['secrets'],
  executable: (path: string, from: string) => Promise<CpioEntry>,
): Promise<CpioEntry[]> {
  if (secrets === undefined) return [];
  return [
    await executable(inInitrd.cryptsetup, secrets.cryptsetup),
    await plainFile(host, inInitrd.sudiCa, secrets.sudiCa),
    ...(await treeEntries(host, inInitrd.policies, secrets.policies)),
  ];
}

const plainFile = async (host: Host, path: string, from: string): Promise<CpioEntry> => ({
  kind: 'file',
  path,
  mode: 0o644,
  content: await host.files.read(from),
});

async function treeEntries(host: Host, path: string, from: string): Promise<CpioEntry[]> {
  const entries = await Promise.all(
    (await host.files.list(from)).map(async (name): Promise<CpioEntry[]> => {
      const isFolder = (await host.files.stat(`${from}/${name}`))?.type === 'directory';
      return isFolder
        ? treeEntries(host, `${path}/${name}`, `${from}/${name}`)
        : [await plainFile(host, `${path}/${name}`, `${from}/${name}`)];
    }),
  );
  return entries.flat();
}

function libraryFiles(host: Host): string[] {
  const { architecture } = host.machine;
  if (architecture !== 'x86_64' && architecture !== 'aarch64')
    throw new MosError('unsupported', `cannot make an initrd for ${architecture}`);
  return [loaders[architecture], ...libraries.map((name) => `${libraryFolders[architecture]}/${name}`)];
}

async function moduleEntries(host: Host, parts: InitrdParts): Promise<CpioEntry[]> {
  const { modules: folder, live, network } = parts;
  const files = new Map<string, { name: string; content: Uint8Array }>();
  const names = (await host.files.list(folder)).filter((name) => name.endsWith('.ko'));
  const byKey = new Map(names.map((name) => [moduleKey(name.slice(0, -'.ko'.length)), name]));
  const load = async (key: string): Promise<void> => {
    const name = byKey.get(key);
    if (name === undefined)
      throw new MosError('not-found', `cannot make an initrd: the kernel has no module ${key}`);
    if (files.has(key)) return;
    const content = await host.files.read(`${folder}/${name}`);
    files.set(key, { name, content });
    for (const needed of parseDepends(content)) await load(moduleKey(needed));
  };
  const known = [...optionalModules, ...diskModules, ...(network === undefined ? [] : networkModules)];
  const all = [
    ...known.filter((name) => byKey.has(moduleKey(name))),
    ...wantedModules,
    ...(live === undefined ? [] : liveModules),
  ];
  for (const wanted of all) await load(moduleKey(wanted));

  const order = planModules(all, (key) => parseDepends(files.get(key)?.content ?? new Uint8Array(0)));
  const text = order.map((key) => `${files.get(key)?.name}\n`).join('');
  return [
    { kind: 'file', path: inInitrd.moduleOrder, mode: 0o644, content: Buffer.from(text) },
    ...[...files.values()].map(
      ({ name, content }): CpioEntry => ({
        kind: 'file',
        path: `${inInitrd.modules}/${name}`,
        mode: 0o644,
        content,
      }),
    ),
  ];
}
