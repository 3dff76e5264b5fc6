import type { ErrorCode } from '../../errors/index.ts';
import type { Descriptor } from '../../oci/index.ts';

/** Layers of one inspection are told apart by a number. */
type OfLayer<Message> = Message & { readonly layer: number };

export type Begin = OfLayer<{
  readonly kind: 'begin';
  readonly descriptor: Descriptor;
  readonly salt: Uint8Array;
}>;

/** The first `length` bytes of a piece of memory, which goes back and is filled again. */
export type Bytes = OfLayer<{
  readonly kind: 'bytes';
  readonly memory: ArrayBuffer;
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
  | { readonly kind: 'free'; readonly memory: ArrayBuffer }
  | ({ readonly kind: 'done' } & Inspected)
  | ({ readonly kind: 'failed' } & Failure)
>;
