import type { IdRange, MountFlag } from '../host/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';

/** How the bytes of mounted layers are checked, see DESIGN "Trust" 5. */
export type Integrity = 'verity' | 'digest';

/** A layer that lies in a file. */
export type MoleculeLayer = { readonly descriptor: Descriptor; readonly file: string };

/** Where changes go. */
export type Upper =
  /** A tmpfs that nobody else sees and that goes with the mount; `size` in bytes, else half of the memory. */
  | { readonly kind: 'memory'; readonly size?: number }
  /** A folder of its own below this one, new for each mount and removed with it. */
  | { readonly kind: 'folder'; readonly folder: string }
  /** The same, but never more than `size` bytes: a file system of its own (`mountRoom`). */
  | { readonly kind: 'bounded'; readonly folder: string; readonly size: number }
  /** `persist` and `work` in this folder, kept. What is there already is trusted: never from a strange disk. */
  | { readonly kind: 'kept'; readonly folder: string };

export type MoleculeRequest = {
  /** As in the image manifest: the first is the bottom. */
  readonly layers: readonly MoleculeLayer[];
  /** An existing folder. */
  readonly target: string;
  readonly integrity: Integrity;
  /** With `verity`: layers without a tree are hashed whole before the mount, where they are refused otherwise. */
  readonly allowMissingVerity?: boolean;
  /** Where the records, the lock and the staging mount are: `/run/mos`. */
  readonly runtime: string;
  /** Who we are, for whoever waits for the lock: `mosctl mount`. */
  readonly owner: string;
  /** Without it the mount is read-only. */
  readonly upper?: Upper;
  /** A damaged block ends in a panic of the kernel, so in a counted reboot: for the root of the host. */
  readonly panicOnCorruption?: boolean;
  /** Another molecule at the target gives way, after `healthy` has looked at the new one; its users keep it. */
  readonly replace?: boolean;
  readonly healthy?: (path: string) => Promise<void>;
  /**
   * Whose files they are to be: those of a container's ids. By idmapped mounts, so nothing is copied or changed; layers
   * of a format for which the kernel can't are unpacked below `copies`, once, and `unsupported` without that.
   */
  readonly ids?: IdRange;
  /** A folder that only root can enter. */
  readonly copies?: string | undefined;
  /** `nodev` is always on. */
  readonly flags?: readonly MountFlag[];
};

/** One layer of a mounted molecule. */
export type LayerUse = {
  readonly digest: Digest;
  readonly file: string;
  readonly check: Integrity;
  /** The dm-verity device and the root hash it has. */
  readonly verity?: { readonly name: string; readonly root: string };
  /** The folder with its files, where they were unpacked for other ids: checked then, and not when they are read. There is no device then. */
  readonly copy?: string;
};

export type Molecule = {
  /** 32 hex digits; the mount's source is `mos:<id>`. */
  readonly id: string;
  readonly target: string;
  /** The first is the bottom; what is there twice is mounted once. */
  readonly layers: readonly LayerUse[];
  readonly isWritable: boolean;
  readonly ids?: IdRange;
  /** Where changes are kept or thrown away, unless in memory or in a file system of their own. */
  readonly upper?: string;
  /** How many bytes can be written to it, and whether they are in memory. */
  readonly room?: { readonly size: number; readonly inMemory: boolean };
};

/** What `mountMolecule` did. `isNew` is false where the same molecule was there already: an interrupted caller goes on. */
export type Mounted = Molecule & { readonly isNew: boolean };

/** Where the records are, and who asks. */
export type Runtime = { readonly runtime: string; readonly owner: string };
