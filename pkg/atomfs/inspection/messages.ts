import type { ErrorCode } from '../../errors/index.ts';
import type { Descriptor } from '../../oci/index.ts';

/** Layers of one inspection are told apart by a number. */
type OfLayer<Message> = Message & { readonly layer: number };

export type Begin = OfLayer<{
  readonly kind: 'begin';
  readonly descriptor: Descriptor;
  readonly salt: Uint8Array;
  /** Both threads have it; a piece of it is used by one of them at a time. */
  readonly memory: SharedArrayBuffer;
}>;

/** The next bytes are a piece of the memory, which is filled again when it was told to be free. */
export type Bytes = OfLayer<{
  readonly kind: 'bytes';
  readonly offset: number;
  readonly length: number;
}>;

export type ToThread = Begin | Bytes | OfLayer<{ readonly kind: 'end' | 'drop' }>;

/** What the whole layer was found to be, see `LayerInspector`. */
export type Inspected = { readonly isChecked: boolean; readonly salt: Uint8Array };

export type Failure = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
};

export type FromThread = OfLayer<
  | { readonly kind: 'free'; readonly offset: number }
  | ({ readonly kind: 'done' } & Inspected)
  | ({ readonly kind: 'failed' } & Failure)
>;
