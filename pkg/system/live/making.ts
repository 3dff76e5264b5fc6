import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { Reference } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import type { AcceptanceTime } from '../../trust/index.ts';
import type { BootSources } from '../bootkit/parts.ts';
import type { RegistryAccess, Repositories } from '../places.ts';
import type { LivePin } from './pinned.ts';

export type MakeMediumOptions = BootSources & {
  readonly project: string;
  /** The manifest with the target livecd. */
  readonly reference: Reference;
  /** References of manifests that come along, to install from the medium. */
  readonly more: readonly string[];
  /** The registry that the live system comes from when it is booted, in place of the medium: `https://host:port`. */
  readonly repo?: string | undefined;
  /** Where their folders are looked for. */
  readonly cwd: string;
  readonly output: string;
  /** Whose key signs the boot file: what is booted by it gets no secret of a machine. */
  readonly purpose: 'limited' | 'tpm';
  /** Firmware in setup mode gets the keyset without anybody being asked. */
  readonly enrol: boolean;
  /** Of everything on the medium, in seconds since 1970. */
  readonly date: number;
  readonly access: RegistryAccess;
  readonly time: AcceptanceTime;
};

export type MadeMedium = {
  readonly output: string;
  readonly bytes: number;
  readonly signer: string;
  /** As the booted live system names them: `zot:/run/mos/medium/oci:…`. */
  readonly manifests: readonly string[];
  readonly live: string;
  /** The registry that it comes from, null where it is on the medium. */
  readonly repo: string | null;
};

/** What the steps share. */
export type Making = {
  readonly host: Host;
  readonly options: MakeMediumOptions;
  readonly report: Report;
  readonly repositories: Repositories;
  /** What is made before it has its name; `root` in it is the file system, `esp` the other one. */
  readonly work: string;
  pin?: LivePin;
  manifests: string[];
  signer: string;
};

export function pinOf({ pin }: Making): LivePin {
  if (pin === undefined) throw new MosError('internal', 'cannot make a medium before its manifest was read');
  return pin;
}
