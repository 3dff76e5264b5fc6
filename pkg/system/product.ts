import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import { parseProduct } from '../manifest/index.ts';
import { type MachineProduct, readProduct } from '../state/index.ts';
import { type AcceptanceTime, readMachineIdentity } from '../trust/index.ts';
import type { Machine } from './machine.ts';

/**
 * What the machine is (DESIGN "Trust" 2): its identity certificate says so, else what an install recorded, else
 * `given`; undefined where the first install will fix it. What contradicts another source is refused.
 */
export async function machineProduct(
  host: Host,
  machine: Machine,
  time: AcceptanceTime | 'at boot',
  given?: string,
): Promise<MachineProduct | undefined> {
  const identity = await readMachineIdentity(host, { root: machine.paths.root, time });
  const recorded = (await readProduct(host, machine.state)).value;
  const found: MachineProduct | undefined =
    identity === undefined ? recorded : { product: parseProduct(identity.product), origin: 'sudi' };
  if (recorded !== undefined && found !== undefined && found.product !== recorded.product)
    throw new MosError(
      'untrusted',
      `cannot use this machine: its identity certificate names the product ${found.product}, it was installed as ${recorded.product}`,
    );
  if (given === undefined) return found;
  if (found !== undefined && found.product !== given)
    throw new MosError(
      'untrusted',
      `cannot make this machine a ${given}: it is a ${found.product} (${originOf(found)})`,
    );
  return found ?? { product: parseProduct(given), origin: 'option' };
}

/** Who said what the machine is, in words. */
export const originOf = ({ origin }: MachineProduct): string =>
  ({
    sudi: 'by its identity certificate',
    option: 'as its installer said',
    'first install': 'fixed by the first install',
  })[origin];
