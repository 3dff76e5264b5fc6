export { Undo, type UndoHook } from './undo.ts';
