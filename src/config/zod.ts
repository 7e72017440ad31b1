import { array, boolean, enum as choice, number, record, strictObject, string } from 'zod'

/**
 * The parts of zod that the table of settings needs, for code that loads it late. The whole package in one object would be three times as
 * much to load.
 */
export const z = { array, boolean, enum: choice, number, record, strictObject, string }
