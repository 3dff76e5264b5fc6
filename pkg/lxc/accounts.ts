/** What a container's /etc/passwd and /etc/group say; lines that are none are passed over, as in the C library. */
export type User = {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
};
export type Group = { readonly name: string; readonly gid: number; readonly members: readonly string[] };

export const parsePasswd = (text: string): User[] =>
  text.split('\n').flatMap((line) => {
    const [name, , uid, gid, , home] = line.split(':');
    const ids = [parseId(uid), parseId(gid)] as const;
    if (!name || home === undefined || ids[0] === undefined || ids[1] === undefined) return [];
    return [{ name, uid: ids[0], gid: ids[1], home }];
  });

export const parseGroup = (text: string): Group[] =>
  text.split('\n').flatMap((line) => {
    const [name, , id, members] = line.split(':');
    const gid = parseId(id);
    if (!name || gid === undefined) return [];
    return [{ name, gid, members: (members ?? '').split(',').filter((member) => member !== '') }];
  });

const largestId = 2 ** 32 - 2;

/** A number as these files have it; undefined for anything else. */
export function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= largestId ? id : undefined;
}
