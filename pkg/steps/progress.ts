/** What an operation says while it works. `done` and `total` are bytes; `total` is left out where it is not known. */
export type Progress =
  | { readonly kind: 'step'; readonly name: string; readonly index: number; readonly count: number }
  | { readonly kind: 'bytes'; readonly what: string; readonly done: number; readonly total?: number }
  | { readonly kind: 'note'; readonly text: string };

export type Report = (event: Progress) => void;
