import { createHash } from 'node:crypto';
import type { DmTarget, MountCall, MountFlag } from '../host/index.ts';
import { blockSize } from './filesystem.ts';
import type { LayerFrame } from './frame.ts';
import type { LayerFormat } from './layer.ts';

const sectorsPerBlock = blockSize / 512;

/** A dm-verity device as it is to be made, or to be found. */
export type VerityDevice = {
  readonly name: string;
  readonly uuid: string;
  readonly table: readonly DmTarget[];
};

export type VerityOptions = { readonly panicOnCorruption: boolean };

/** Linux admin-guide/device-mapper/verity.rst, "Construction Parameters". `number` is that of the loop device, `7:3`. */
export function planVerityDevice(
  name: string,
  verity: NonNullable<LayerFrame['verity']>,
  number: string,
  options: VerityOptions,
): VerityDevice {
  const salt = Buffer.from(verity.salt).toString('hex') || '-';
  const parameters = [
    1,
    number,
    number,
    blockSize,
    blockSize,
    verity.dataBlocks,
    verity.hashOffset / blockSize + 1,
    'sha256',
    verity.root,
    salt,
    ...(options.panicOnCorruption ? [1, 'panic_on_corruption'] : []),
  ];
  return {
    name,
    // What cryptsetup calls its own, so that `veritysetup status` and systemd know the device.
    uuid: `CRYPT-VERITY-${verity.root.slice(0, 32)}-${name}`,
    table: [
      {
        start: 0,
        length: verity.dataBlocks * sectorsPerBlock,
        type: 'verity',
        parameters: parameters.join(' '),
      },
    ],
  };
}

/**
 * The names a layer's device may have. The first is the one everybody uses (FORMATS 7); where that is taken by a device
 * with other options, or on another copy of the blob, ours has the second.
 */
export function verityNames(
  hex: string,
  options: VerityOptions,
  backing: { readonly device: number; readonly inode: number },
): readonly [string, string] {
  const own = createHash('sha256').update(
    JSON.stringify([options.panicOnCorruption, backing.device, backing.inode]),
  );
  return [`${hex}-verity`, `${hex}-verity-${own.digest('hex').slice(0, 8)}`];
}

/** What one layer is mounted from: a device, or the file itself. */
export type LayerSource = { readonly format: LayerFormat; readonly source: string };

/** Which extended attributes mark the opaque folders of the layers: overlay looks for one kind only. */
export type Marks = 'trusted' | 'user';

export type UpperPlan = {
  /** Both on one file system; relative names are in the staging folder. */
  readonly upper: string;
  readonly work: string;
  /** Its content goes with the mount: no syncs. */
  readonly isVolatile: boolean;
};

export type StackPlan = {
  readonly id: string;
  readonly stage: string;
  readonly target: string;
  readonly flags: readonly MountFlag[];
  /** How many layers lie in the staging folder. */
  readonly count: number;
  readonly marks: Marks;
  readonly upper: UpperPlan | undefined;
};

export const sourceOf = (id: string): string => `mos:${id}`;

/** Where a layer is mounted until it is stacked: `0` is the top one. */
export const layerFolder = (stage: string, index: number): string => `${stage}/${index}`;

/** Where a molecule is mounted until it takes the place of another one. */
export const besideFolder = (stage: string): string => `${stage}/new`;

export const planLayer = (layer: LayerSource, target: string): MountCall => ({
  fstype: layer.format,
  source: layer.source,
  target,
  flags: ['ro', 'nodev', 'nosuid'],
});

export const planMemory = (id: string, target: string, size: number | undefined): MountCall => ({
  fstype: 'tmpfs',
  source: sourceOf(id),
  target,
  flags: ['nodev'],
  options: ['mode=0700', ...(size === undefined ? [] : [`size=${size}`])],
});

/** Said for each mount, so that it does not depend on the kernel's build. */
const overlayOptions = ['index=off', 'xino=on', 'metacopy=off', 'redirect_dir=nofollow'];

/**
 * The overlays of a molecule, the last one at the target, and the folders they need in the staging folder. Overlay
 * wants two layers where there is no upper folder, so an empty one goes below a single layer: it always is an overlay,
 * for the whiteouts of a lowest layer must not show either.
 *
 * It is one overlay; two where the layers are marked by user. attributes and something is to be written: a tmpfs has
 * those from Linux 6.6 only, so what is written lies in an overlay with trusted. attributes above the first.
 */
export function planStack(plan: StackPlan): {
  readonly folders: readonly string[];
  readonly calls: readonly MountCall[];
} {
  const { upper, stage } = plan;
  const names = Array.from({ length: plan.count }, (_, index) => String(index));
  const isSplit = upper !== undefined && plan.marks === 'user';
  const isPadded = names.length === 1 && (upper === undefined || isSplit);
  const lower = isPadded ? [...names, 'empty'] : names;
  const common = { fstype: 'overlay', source: sourceOf(plan.id), base: stage };
  const options = plan.marks === 'user' ? [...overlayOptions, 'userxattr'] : overlayOptions;
  const flags: readonly MountFlag[] = [...new Set<MountFlag>(['nodev', ...plan.flags])];
  const readOnly = (target: string): MountCall => ({
    ...common,
    target,
    flags: ['ro', ...flags],
    options,
    lower,
  });
  const folders = [...(isPadded ? [`${stage}/empty`] : []), ...(isSplit ? [`${stage}/below`] : [])];
  if (upper === undefined) return { folders, calls: [readOnly(plan.target)] };
  const writable: MountCall = {
    ...common,
    target: plan.target,
    flags,
    options: upper.isVolatile ? [...overlayOptions, 'volatile'] : overlayOptions,
    lower: isSplit ? ['below'] : lower,
    upper: upper.upper,
    work: upper.work,
  };
  return { folders, calls: isSplit ? [readOnly(`${stage}/below`), writable] : [writable] };
}
