import type { ReleaseIndex } from '../../manifest/index.ts';
import type { Anchors } from '../anchors.ts';
import type { AcceptanceTime } from '../document.ts';
import type { RevocationList } from '../revocation.ts';
import type { Verified } from '../verified.ts';
import type { TufRole } from './metadata.ts';

/** Where a channel's files come from. Nothing of them is believed. */
export interface ChannelSource {
  /** The file of a TUF repository with this name; undefined where there is none. More than `limit` bytes are an error. */
  read(file: string, limit: number): Promise<Uint8Array | undefined>;
  /** Certificates and signatures of the project over a root, and revocation lists beside them. */
  endorsements(file: string): Promise<Endorsements>;
}
export type Endorsements = {
  readonly certificates: readonly Uint8Array[];
  readonly signatures: readonly Uint8Array[];
  readonly revocations: readonly Uint8Array[];
};

/** What a machine keeps of a channel: the texts of what it believed last. Each is verified again when it is read. */
export type ChannelTrust = {
  readonly root: string;
  /** Who vouched for the root: certificate (PEM) and signature (base64). */
  readonly endorsement?: { readonly certificate: string; readonly signature: string };
  /** The newest revocation lists (PEM) that lay beside a root: an older one can't be shown later. */
  readonly revoked?: string;
  readonly timestamp?: string;
  readonly snapshot?: string;
  readonly targets?: string;
  readonly index?: string;
};

export type ChannelPolicy = {
  /** How messages name it: `host/machine/stable`. */
  readonly name: string;
  /** The name that it was signed with: `machine/stable`. */
  readonly channel: string;
  readonly product: string;
  readonly time: AcceptanceTime;
  /** Who may vouch for a root; undefined: `kept.root` is the root, as for the publisher whose keys made it. */
  readonly endorsedBy?:
    | { readonly anchors: Anchors; readonly revoked: readonly RevocationList[] }
    | undefined;
  /** For machines without a network: what has expired counts too, and nothing else is let pass. */
  readonly acceptExpired?: boolean | undefined;
  /** Called with what was believed so far, whenever it grew: also when what follows is refused. */
  keep(trust: ChannelTrust): Promise<void>;
};

export type ChannelReading = {
  readonly index: Verified<ReleaseIndex>;
  /** Fields of the index that this program does not know. */
  readonly unknown: readonly string[];
  readonly versions: Readonly<Record<TufRole, number>>;
  /** RFC 3339, for each role; the earliest decides. */
  readonly expires: Readonly<Record<TufRole, string>>;
  readonly trust: ChannelTrust;
};
