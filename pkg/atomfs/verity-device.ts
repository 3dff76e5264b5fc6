import { isMosError, MosError } from '../errors/index.ts';
import type { HeldDevice, Host } from '../host/index.ts';
import { digestHex } from '../oci/index.ts';
import type { LayerFrame } from './frame.ts';
import type { PreparedLayer } from './layers.ts';
import { planVerityDevice, type VerityOptions, verityNames } from './plan.ts';

type Verity = NonNullable<LayerFrame['verity']>;

/** A verity device, held, and its name. */
export type HeldVerity = HeldDevice & { readonly name: string };

/** How often and how long to wait for a device that is on its way out, or being made by another process. */
const attempts = 500;
const pauseMilliseconds = 10;

/**
 * Makes the dm-verity device of a layer, or finds the one that is there. `known` are the devices that were there a
 * moment ago: it spares most layers a question.
 */
export async function openVerity(
  host: Host,
  layer: PreparedLayer,
  verity: Verity,
  options: VerityOptions,
  known: ReadonlySet<string>,
): Promise<HeldVerity> {
  const backing = { device: layer.stat.device, inode: layer.stat.inode };
  const names = verityNames(digestHex(layer.descriptor.digest), options, backing);
  for (let attempt = 0; attempt < attempts; attempt++) {
    for (const name of names) {
      const isNew = attempt === 0 && !known.has(name);
      const found = isNew ? undefined : await reuse(host, name, layer, verity, options);
      if (found === 'other') continue;
      const held = found ?? (await create(host, name, layer, verity, options));
      if (held) return Object.assign(held, { name });
      break;
    }
    await host.clock.sleep(pauseMilliseconds);
  }
  throw new MosError('busy', `cannot use the device ${names[0]}: others make and remove it all the time`);
}

/** undefined where somebody else made a device of that name meanwhile. */
async function create(
  host: Host,
  name: string,
  layer: PreparedLayer,
  verity: Verity,
  options: VerityOptions,
): Promise<HeldDevice | undefined> {
  await using loop = await host.devices.loopAttach(layer.file, { readOnly: true, autoclear: true });
  const { uuid, table } = planVerityDevice(name, verity, loop.number, options);
  try {
    return await host.devices.dmCreate(name, uuid, table, { readOnly: true, removeWithLastUser: true });
  } catch (error) {
    if (isMosError(error, 'exists')) return undefined;
    throw error;
  }
}

/**
 * An existing device, held, when it is what we would make: root hash, size, options and backing file. `other` where
 * one of these differs; a device with our name and another root hash is refused, for nobody of us makes that.
 */
async function reuse(
  host: Host,
  name: string,
  layer: PreparedLayer,
  verity: Verity,
  options: VerityOptions,
): Promise<HeldDevice | 'other' | undefined> {
  const held = await host.devices.dmOpen(name);
  if (held === undefined) return undefined;
  await using stack = new AsyncDisposableStack();
  stack.use(held);
  const table = (await host.devices.dmTable(name)) ?? [];
  const fields = table[0]?.parameters.split(' ') ?? [];
  const root = fields[rootField];
  if (root !== undefined && root !== verity.root)
    throw new MosError(
      'untrusted',
      `cannot use the device ${name}: it has the root hash ${root}, not ${verity.root}`,
      {
        hint: `somebody else made it; remove it with \`dmsetup remove ${name}\``,
      },
    );
  const number = fields[deviceField] ?? '';
  const wanted = planVerityDevice(name, verity, number, options).table;
  if (JSON.stringify(table) !== JSON.stringify(wanted) || !(await isOn(host, number, layer))) return 'other';
  // Marks a device that its maker left unfinished, or that veritysetup made.
  await host.devices.dmRemove(name, { deferred: true });
  stack.move();
  return held;
}

/** Places in the parameters of a verity table. */
const deviceField = 1;
const rootField = 8;

async function isOn(host: Host, number: string, layer: PreparedLayer): Promise<boolean> {
  const backing = number.startsWith('7:') ? await host.devices.loopBacking(number) : undefined;
  return backing?.device === layer.stat.device && backing.inode === layer.stat.inode;
}
