import type { MoleculeLayer } from '../../../pkg/atomfs/index.ts';

/** An image that is mounted in the guest; paths are those there. */
export type MountRequest = {
  readonly name: string;
  /** Of an installed machine whose hostfs is the image. */
  readonly root: string;
  /** Bottom first. */
  readonly layers: readonly (MoleculeLayer & { readonly verityRoot: string; readonly hashOffset: number })[];
};

/** An image that is mounted as the root file system of a service, as others put theirs to its ids. */
export type RootRequest = {
  /** Bottom first. */
  readonly layers: readonly MoleculeLayer[];
  /** The same image with tar layers, for `umoci unpack --image`. */
  readonly plain: string;
};

/** The requests, as JSON, below the project's folder. */
export const requestsFile = 'build/bench/requests.json';
/** `mounts.ts`, compiled. */
export const mountsProgram = 'build/bench/mounts';
/** The request of `roots.ts`, and its program, compiled. */
export const rootRequestFile = 'build/bench/root.json';
export const rootsProgram = 'build/bench/service-roots';
export const umociProgram = 'build/bench/umoci';
export const plainFolder = 'build/bench/plain';
export const serviceIds = { start: 1_000_000, count: 65_536 } as const;
export const rootsFolder = 'build/bench/roots';
