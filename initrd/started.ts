import { messageOf } from '../pkg/errors/index.ts';
import { parseLoaderVariable } from '../pkg/esp/index.ts';
import { type Host, listIfThere, readTextIfThere } from '../pkg/host/index.ts';
import type { Report } from '../pkg/steps/index.ts';
import { inInitrd } from './contents.ts';

/** What started this initrd: the boot entry, as the boot loader says, and the bootkit it is of. */
export type Started = { readonly entry?: string; readonly buildId?: string };

const variables = '/sys/firmware/efi/efivars';
/** Of systemd's Boot Loader Interface. */
const variableOf = (name: string): string => `${variables}/${name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f`;
/** Set by the loader at each boot, and not kept by the firmware. */
const selected = 'LoaderEntrySelected';
/**
 * Where the firmware keeps them, somebody chose for all boots to come: an entry also without tries, a wait in the menu, or
 * what the loader can't say over it. What boots, a machine says by its generations.
 */
const choices = [selected, 'LoaderEntryDefault', 'LoaderEntryPreferred', 'LoaderConfigTimeout'];

/** EFI_VARIABLE_NON_VOLATILE (UEFI 2.10, 8.2.1) */
const isKept = (value: Uint8Array): boolean => ((value[0] ?? 0) & 1) !== 0;

/** Without EFI, or without a boot loader that says so, there is no entry. */
export async function readStarted(host: Host, report: Report): Promise<Started> {
  const [entry, buildId] = [await readEntry(host, report), await readBuildId(host)];
  return { ...(entry === undefined ? {} : { entry }), ...(buildId === undefined ? {} : { buildId }) };
}

async function readEntry(host: Host, report: Report): Promise<string | undefined> {
  if ((await host.files.stat(variables)) === undefined) return undefined;
  const flags = ['nosuid', 'nodev', 'noexec'] as const;
  await host.mounts.mount({ fstype: 'efivarfs', source: 'efivarfs', target: variables, flags });
  for (const name of choices) await forgetIfKept(host, name, report);
  const value = await readVariable(host, selected);
  return value === undefined || isKept(value) ? undefined : parseLoaderVariable(value, selected);
}

/** Attributes first; undefined where there is none. */
async function readVariable(host: Host, name: string): Promise<Uint8Array | undefined> {
  const path = variableOf(name);
  return (await host.files.stat(path)) === undefined ? undefined : host.files.read(path);
}

/** Where it stays the boot goes on: all that it chooses among was signed by the vendor. */
async function forgetIfKept(host: Host, name: string, report: Report): Promise<void> {
  try {
    const value = await readVariable(host, name);
    if (value === undefined || !isKept(value)) return;
    await host.files.makeMutable(variableOf(name));
    await host.files.remove(variableOf(name));
    const text = `warning: removed: ${name}, by which somebody chose for all boots to come`;
    report({ kind: 'note', text });
  } catch (error) {
    const text = `warning: ${name} stays, and may choose for all boots to come: ${messageOf(error)}`;
    report({ kind: 'note', text });
  }
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
