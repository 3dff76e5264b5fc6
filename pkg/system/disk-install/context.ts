import {
  type DiskTarget,
  type PartitionRole,
  type PartitionTable,
  type PartitionWish,
  sectorSize,
  type UsePermission,
} from '../../disk/index.ts';
import type { Secret } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { Report } from '../../steps/index.ts';
import type { Undo } from '../../undo/index.ts';
import type { Accepted } from '../accept.ts';
import type { ImportBytes } from '../images.ts';
import type { InstallOptions, InstallResult } from '../install.ts';

export type DiskInstallOptions = Omit<InstallOptions, 'root'> &
  UsePermission & {
    /** As a person names it. */
    readonly disk: string;
    readonly layout: readonly PartitionWish[];
    /** Without it nothing is written. */
    readonly yes?: boolean | undefined;
    /** The partitions are readable for whoever has the disk. */
    readonly unencrypted?: boolean | undefined;
    /** Gets the recovery key, which is then told nowhere else. */
    readonly recoveryFile?: string | undefined;
    /** More follows in this run: until the machine's first boot the disk counts as one on which an install was stopped. */
    readonly goesOn?: boolean | undefined;
    /** Of a plan alone: how the partitions are protected is decided when the machine was provisioned. */
    readonly isProvisionedLater?: boolean | undefined;
  };

export type DiskInstallPlan = {
  readonly reference: string;
  readonly disk: string;
  readonly bytes: number;
  /** What is on it, and lost. */
  readonly lost: readonly string[];
  readonly partitions: readonly {
    readonly role: string;
    readonly bytes: number;
    readonly isEncrypted: boolean;
  }[];
  readonly images: ImportBytes;
};

/** `installed` is null where it was only planned. */
export type DiskInstallResult = {
  readonly plan: DiskInstallPlan;
  readonly installed: InstallResult | null;
  /** To be shown this once; undefined where a file has it, and where nothing is encrypted. */
  readonly recoveryKey?: Secret;
};

/** What the steps share. */
export type Context = {
  readonly host: Host;
  readonly options: DiskInstallOptions;
  readonly report: Report;
  readonly held: Undo;
  accepted: Accepted;
  images: ImportBytes;
  disk: DiskTarget;
  /** The passphrase of the TPM; undefined where the partitions are not to be encrypted. */
  passphrase: Secret | undefined;
  table: PartitionTable;
  /** Partitions and file systems are there: an install was stopped later than that. */
  isMade: boolean;
  nodes: Nodes;
  recoveryKey?: Secret;
  installed?: InstallResult;
};

/** A device for each partition. */
export type Nodes = Readonly<Record<PartitionRole, string>>;

export const planOf = ({ accepted, disk, table, images, passphrase }: Context): DiskInstallPlan => ({
  reference: accepted.shown,
  disk: disk.node,
  bytes: disk.sectors * sectorSize,
  lost: disk.progress === undefined ? disk.content : [],
  partitions: table.partitions.map(({ name, first, last }) => ({
    role: name,
    bytes: (last + 1 - first) * sectorSize,
    isEncrypted: passphrase !== undefined && name !== 'esp',
  })),
  images,
});
