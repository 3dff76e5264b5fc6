/**
 * A value made of files, read again only when `look` says something else. Who asks gets a look that began after the
 * question, so a change is seen in the next answer; all who ask meanwhile share one look, so a thousand questions cost
 * little more than one.
 */
export function fresh<T>(look: () => Promise<string>, read: () => Promise<T>): () => Promise<T> {
  let known: { readonly mark: string; readonly value: T } | undefined;
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;

  const ask = async (): Promise<T> => {
    // Looked at before it is read: what changes meanwhile is read again by the next one.
    const mark = await look();
    if (known?.mark === mark) return known.value;
    const value = await read();
    known = { mark, value };
    return value;
  };
  const start = (): Promise<T> => {
    const asked = ask().finally(() => {
      if (running === asked) running = undefined;
    });
    running = asked;
    return asked;
  };
  return () => {
    if (running === undefined) return start();
    next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}
