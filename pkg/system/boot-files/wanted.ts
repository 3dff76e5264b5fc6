import { diffContent, type MachineSystem } from '../../manifest/index.ts';
import { contentOf } from '../generation.ts';

/** A generation as the boot loader is to know it. */
export type Bootable = {
  readonly number: number;
  readonly machine: MachineSystem;
  /** It proved good, and needs no counter. */
  readonly isGood: boolean;
};

/** What the machine is to be: what runs, what the next boot takes, what proved good, what was booted. */
export type BootRoles = {
  readonly current?: Bootable | undefined;
  readonly next?: Bootable | undefined;
  readonly good?: Bootable | undefined;
  readonly booted?: Bootable | undefined;
};

/** Only services differ, so the boot files and the root file system of one are those of the other. */
export const bootsAlike = (a: MachineSystem, b: MachineSystem): boolean =>
  !diffContent(contentOf(a), contentOf(b)).some(({ boot }) => boot);

/**
 * The generations that must have an entry. One that changed only services has none of its own: the entry it was booted
 * by stands for it, so such an update writes nothing to the ESP.
 */
export function entriesFor(
  { current, next, good, booted }: BootRoles,
  known: readonly Bootable[],
): Bootable[] {
  const standing = (one: Bootable): Bootable =>
    known
      .filter(({ number, machine }) => number <= one.number && bootsAlike(machine, one.machine))
      .reduce((newest: Bootable | undefined, other) => (other.number > (newest?.number ?? 0) ? other : newest), undefined) ?? one; // biome-ignore format: one look-up
  const wanted = [current, good, booted].filter((one) => one !== undefined).map(standing);
  const all = new Map([...wanted, ...(next === undefined ? [] : [next])].map((one) => [one.number, one]));
  return [...all.values()].sort((a, b) => a.number - b.number);
}
