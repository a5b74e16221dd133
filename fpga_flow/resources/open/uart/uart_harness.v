// A network on a serial line: receives the values of a sample, runs the network, sends its results.
//
// A sample is IN_BITS bits in bytes, from the lowest on; what is left of the last byte means nothing. The answer is
// OUT_BITS bits in the same way, the rest of its last byte 0. One question at a time: what comes in before the answer
// is sent is not heard. After a silence of PAUSE cycles the next byte is the first of a sample, so that half a sample
// does no harm.
//
// CYCLES  clock cycles of a bit on the line
module uart_harness #(
    parameter CYCLES = 217,
    parameter PAUSE = 2500000,
    parameter IN_BITS = 8,
    parameter OUT_BITS = 8
) (
    input clk,
    input rx,
    output tx,
    output reg in_valid,
    output [IN_BITS-1:0] in_data,
    input out_valid,
    input [OUT_BITS-1:0] out_data
);
    localparam IN_BYTES = (IN_BITS + 7) / 8;
    localparam OUT_BYTES = (OUT_BITS + 7) / 8;
    localparam COUNT = $clog2((IN_BYTES > OUT_BYTES ? IN_BYTES : OUT_BYTES) + 1);
    localparam [COUNT-1:0] RECEIVED = IN_BYTES;
    localparam [COUNT-1:0] SENT = OUT_BYTES;
    localparam SILENCE = $clog2(PAUSE + 1);
    localparam [SILENCE-1:0] LONGEST = PAUSE;
    localparam [1:0] RECEIVE = 0, RUN = 1, SEND = 2;

    reg [1:0] state = RECEIVE;
    reg [COUNT-1:0] left = RECEIVED;  // bytes of the sample, or of the answer
    reg [SILENCE-1:0] silence = 0;  // cycles left of a pause
    reg [8*IN_BYTES-1:0] sample = 0;
    reg [8*OUT_BYTES-1:0] answer = 0;
    wire heard, busy;
    wire [7:0] in_byte;
    wire [8*IN_BYTES+7:0] longer = {in_byte, sample};
    wire start = state == SEND && !busy && left != 0;

    assign in_data = sample[IN_BITS-1:0];
    initial in_valid = 0;

    uart_receiver #(.CYCLES(CYCLES)) receiver (.clk(clk), .rx(rx), .valid(heard), .data(in_byte));
    uart_sender #(.CYCLES(CYCLES)) sender (.clk(clk), .start(start), .data(answer[7:0]), .tx(tx), .busy(busy));

    always @(posedge clk) begin
        in_valid <= 0;
        if (heard) silence <= LONGEST;
        else if (silence != 0) silence <= silence - 1'b1;
        case (state)
            RECEIVE: begin
                if (heard) begin
                    sample <= longer[8*IN_BYTES+7:8];
                    left   <= left - 1'b1;
                    if (left == 1) begin
                        state    <= RUN;
                        in_valid <= 1;
                    end
                end else if (silence == 0) begin
                    left <= RECEIVED;
                end
            end
            RUN: begin
                if (out_valid) begin
                    answer <= out_data;
                    left   <= SENT;
                    state  <= SEND;
                end
            end
            default: begin
                if (start) begin
                    answer <= answer >> 8;
                    left   <= left - 1'b1;
                end else if (!busy) begin
                    left  <= RECEIVED;
                    state <= RECEIVE;
                end
            end
        endcase
    end
endmodule
