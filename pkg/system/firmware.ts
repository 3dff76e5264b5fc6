import { type Disk, guidBytes, readDisks } from '../disk/index.ts';
import { isMosError, MosError, messageOf } from '../errors/index.ts';
import { type FirmwareEntries, firstTries, onEsp, planFirmware, renderLoadOption } from '../esp/index.ts';
import type { Host } from '../host/index.ts';
import type { Report } from '../steps/index.ts';

export const variablesFolder = '/sys/firmware/efi/efivars';
/** EFI_GLOBAL_VARIABLE (UEFI 2.10, 3.3) */
const globalVendor = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
/** The boot loader's own (systemd's Boot Loader Interface). */
export const loaderVendor = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';
/** Non-volatile, for the boot and for the running system. */
const attributes = Buffer.from([7, 0, 0, 0]);
const loaderPath = `\\${onEsp.loader.replaceAll('/', '\\')}`;

/** One for each try of a new generation, and one for the generation it falls back to. */
const entryCount = firstTries.left + 1;

/** False where the machine was not started by EFI firmware, or its variables can't be had. */
export const hasFirmware = async (host: Host): Promise<boolean> =>
  (await host.files.stat(`${variablesFolder}/${bootName('Current')}`)) !== undefined;

/**
 * The firmware has our boot entries. Without them the machine boots all the same, by the usual name of the loader, but
 * after a boot file that the firmware refuses nothing tries again; so what can't be done is told and stops nothing.
 */
export async function keepFirmwareEntries(host: Host, espNode: string, report: Report): Promise<void> {
  try {
    const disks = await readDisks(host);
    await writeEntries(host, optionsFor(disks, espNode), partitionsOf(disks));
  } catch (error) {
    report({
      kind: 'note',
      text: `warning: the firmware lacks boot entries of ours, so a boot file that it refuses stops the machine: ${messageOf(error)}`,
    });
  }
}

function optionsFor(disks: readonly Disk[], espNode: string): Uint8Array[] {
  for (const { table, nodes } of disks)
    for (const partition of table?.partitions ?? []) {
      if (nodes.get(partition.number) !== espNode) continue;
      const { number, first, last, id } = partition;
      const place = { number, first, sectors: last - first + 1, id: guidBytes(id) };
      return Array.from({ length: entryCount }, (_, index) =>
        renderLoadOption({ description: `mos ${index + 1}`, partition: place, path: loaderPath }),
      );
    }
  throw new MosError('not-found', `cannot find ${espNode} in a partition table`);
}

/** The GUIDs of all there are; undefined where a disk does not say, as nobody knows then what is gone. */
function partitionsOf(disks: readonly Disk[]): Uint8Array[] | undefined {
  if (disks.some(({ problem }) => problem !== undefined)) return undefined;
  return disks.flatMap(({ table }) => table?.partitions.map(({ id }) => guidBytes(id)) ?? []);
}

/** The new ones are there before the order names them, and old ones as long as it does. */
async function writeEntries(
  host: Host,
  wanted: readonly Uint8Array[],
  partitions: readonly Uint8Array[] | undefined,
): Promise<void> {
  const { create, order, remove } = planFirmware(await readEntries(host), wanted, partitions);
  for (const { number, option } of create) await writeVariable(host, bootName(renderNumber(number)), option);
  if (order !== undefined) await writeVariable(host, bootName('Order'), renderOrder(order));
  for (const number of remove)
    await host.files.remove(`${variablesFolder}/${bootName(renderNumber(number))}`);
}

function renderOrder(order: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(order.length * 2);
  for (const [index, number] of order.entries()) bytes.writeUInt16LE(number, index * 2);
  return bytes;
}

const bootName = (what: string): string => `Boot${what}-${globalVendor}`;
const renderNumber = (number: number): string => number.toString(16).toUpperCase().padStart(4, '0');

async function readEntries(host: Host): Promise<FirmwareEntries> {
  const options = new Map<number, Uint8Array>();
  for (const name of await host.files.list(variablesFolder)) {
    const [, number] = /^Boot([0-9A-F]{4})-(.*)$/.exec(name) ?? [];
    if (number === undefined || !name.endsWith(globalVendor)) continue;
    const value = await readVariable(host, name);
    if (value !== undefined) options.set(Number.parseInt(number, 16), value);
  }
  const order = Buffer.from((await readVariable(host, bootName('Order'))) ?? []);
  return { options, order: Array.from({ length: order.length >> 1 }, (_, at) => order.readUInt16LE(at * 2)) };
}

/** Without its attributes; undefined where there is none. */
async function readVariable(host: Host, name: string): Promise<Uint8Array | undefined> {
  try {
    return (await host.files.read(`${variablesFolder}/${name}`)).subarray(attributes.length);
  } catch (error) {
    if (isMosError(error, 'not-found')) return undefined;
    throw error;
  }
}

/** efivarfs takes a variable in one write. */
async function writeVariable(host: Host, name: string, value: Uint8Array): Promise<void> {
  const path = `${variablesFolder}/${name}`;
  const isThere = (await host.files.stat(path)) !== undefined;
  await using file = isThere ? await host.files.resume(path, 0) : await host.files.create(path);
  await file.write(Buffer.concat([attributes, value]));
}
