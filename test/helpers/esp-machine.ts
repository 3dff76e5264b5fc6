import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { createBootFs } from '../../pkg/system/create-boot-fs.ts';
import { bootComplete, umount } from '../../pkg/system/index.ts';
import { addBootkit } from './bootkit-image.ts';
import { installFrom, makeRoot } from './machine.ts';
import { addImage, makeVendor, publishRelease, type Vendor } from './vendor.ts';

export type Content = { readonly host: string; readonly data: string; readonly bootkit?: string };

/** A root directory with a folder in place of its ESP: what the boot loader would do there, a test does. */
export type EspMachine = {
  readonly vendor: Vendor;
  readonly root: string;
  readonly esp: string;
  /** Publishes a release; each name stands for an image. */
  release(number: number, content: Content): Promise<string>;
  /** Names of the entries, and of the boot files by the names of their bootkits. */
  files(): { readonly entries: readonly string[]; readonly bootFiles: readonly string[] };
  /**
   * As the boot loader and the initrd would: lowers the counter, and boots the generation of the entry. With the name of
   * a bootkit the initrd is that one's.
   */
  boot(entry: string, bootkit?: string): Promise<void>;
  /** `mosctl boot-complete` right away. */
  complete(): ReturnType<typeof bootComplete>;
};

export async function makeEspMachine(t: ExecutionContext, first: Content): Promise<EspMachine> {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  const esp = join(root, 'boot/efi');
  mkdirSync(join(esp, 'loader/entries'), { recursive: true });
  const bootkits = new Map<string, string>();
  const release = (number: number, content: Content) => publishOne(vendor, bootkits, number, content);
  await installFrom(root, await release(1, first));
  const machine: EspMachine = {
    ...{ vendor, root, esp, release },
    files: () => ({
      entries: readdirSync(join(esp, 'loader/entries')),
      bootFiles: readdirSync(join(esp, 'EFI/mos'))
        .map((name) => bootkits.get(name) ?? name)
        .sort(),
    }),
    boot: async (entry, bootkit) => {
      lowerCounter(join(esp, 'loader/entries'), entry);
      await umount(linuxHost, { root, all: true });
      const dest = join(root, 'sysroot');
      await createBootFs(
        linuxHost,
        { root, dest, readonly: true, integrity: 'digest', started: { entry, ...ofBootkit(bootkit) } },
        () => {},
      );
      t.teardown(async () => void (await umount(linuxHost, { root, all: true })));
    },
    complete: () => bootComplete(linuxHost, { root, stable: 0, limit: 0 }, () => {}),
  };
  return machine;
}

async function publishOne(
  vendor: Vendor,
  bootkits: Map<string, string>,
  number: number,
  { host, data, bootkit }: Content,
): Promise<string> {
  const [h, d] = [await addImage(vendor, host, { host }), await addImage(vendor, data, { data })];
  const line =
    bootkit === undefined
      ? ''
      : `  - {service_name: bootkit, source: "${await bootkitImage(vendor, bootkits, bootkit)}", version: "${bootkit}", service_type: fs-only}\n`;
  const manifest = `update_type: complete
release: ${number}
targets:
  - {service_name: hostfs, source: "${h}", version: "${host}", service_type: hostfs}
${line}  - {service_name: data, source: "${d}", version: "${data}", service_type: fs-only}
`;
  return (await publishRelease(vendor, { name: `machine/install:${number}`, manifest })).reference;
}

const bootFile = (name: string): Buffer => Buffer.alloc(5000, name);

/** `addBootkit` takes the digest of the boot file for its build id. */
const ofBootkit = (name: string | undefined) =>
  name === undefined ? {} : { buildId: hash('sha256', bootFile(name), 'hex') };

async function bootkitImage(vendor: Vendor, bootkits: Map<string, string>, name: string): Promise<string> {
  const bytes = bootFile(name);
  bootkits.set(`${hash('sha256', bytes, 'hex')}.efi`, name);
  return addBootkit(vendor.images, `bootkit-${name}`, bytes);
}

/** systemd-boot does so before it starts an entry. */
function lowerCounter(folder: string, entry: string): void {
  const [, stem, left, done = '0'] = /^(.*)\+(\d+)(?:-(\d+))?\.conf$/.exec(entry) ?? [];
  if (stem === undefined) return;
  const lowered = `${stem}+${Math.max(0, Number(left) - 1)}-${Number(done) + 1}.conf`;
  renameSync(join(folder, entry), join(folder, lowered));
}
