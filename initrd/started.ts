import { parseLoaderVariable } from '../pkg/esp/index.ts';
import { type Host, listIfThere, readTextIfThere } from '../pkg/host/index.ts';
import type { Report } from '../pkg/steps/index.ts';
import { inInitrd } from './contents.ts';

/** What started this initrd: the boot entry, as the boot loader says, and the bootkit it is of. */
export type Started = { readonly entry?: string; readonly buildId?: string };

const variables = '/sys/firmware/efi/efivars';
/** systemd's Boot Loader Interface: set by the loader at each boot, and not kept by the firmware. */
const selected = 'LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';

/** EFI_VARIABLE_NON_VOLATILE (UEFI 2.10, 8.2.1) */
const isKept = 1;

/** Without EFI, or without a boot loader that says so, there is no entry. */
export async function readStarted(host: Host, report: Report): Promise<Started> {
  const [entry, buildId] = [await readEntry(host, report), await readBuildId(host)];
  return { ...(entry === undefined ? {} : { entry }), ...(buildId === undefined ? {} : { buildId }) };
}

async function readEntry(host: Host, report: Report): Promise<string | undefined> {
  if ((await host.files.stat(variables)) === undefined) return undefined;
  const flags = ['nosuid', 'nodev', 'noexec'] as const;
  await host.mounts.mount({ fstype: 'efivarfs', source: 'efivarfs', target: variables, flags });
  const path = `${variables}/${selected}`;
  if ((await host.files.stat(path)) === undefined) return undefined;
  const value = await host.files.read(path);
  // Somebody put it there for good, and the loader can't write over it: it would say the same of every boot.
  if (((value[0] ?? 0) & isKept) !== 0) {
    report({
      kind: 'note',
      text: 'warning: left out: LoaderEntrySelected, which the boot loader has not set',
    });
    return undefined;
  }
  return parseLoaderVariable(value, 'LoaderEntrySelected');
}

async function readBuildId(host: Host): Promise<string | undefined> {
  const text = await readTextIfThere(host, `/${inInitrd.buildId}`);
  if (text === undefined) return undefined;
  const { parseBuildId } = await import('../pkg/system/index.ts');
  return parseBuildId(text);
}

/** Where systemd-stub puts credentials and extensions that lie beside the boot file. */
const extras = '/.extra';

/** Names of what nobody signed. Nothing reads it, and it goes with the initrd. */
export const unsignedExtras = (host: Host): Promise<readonly string[]> => listIfThere(host, extras);
