// Bytes from a serial line: a start bit, 8 data bits from the lowest on, a stop bit; no parity.
//
// CYCLES  clock cycles of a bit, at least 4
// valid   for one cycle with each byte whose stop bit was there
module uart_receiver #(
    parameter CYCLES = 217
) (
    input clk,
    input rx,
    output reg valid,
    output reg [7:0] data
);
    localparam WIDTH = $clog2(CYCLES);
    localparam [WIDTH-1:0] BIT = CYCLES - 1;
    localparam [WIDTH-1:0] HALF = CYCLES / 2 - 1;

    reg [1:0] line = 2'b11;  // two registers, since the line keeps another clock
    reg [WIDTH-1:0] timer = 0;
    reg [3:0] place = 0;  // 0 idle, 1 start bit, 2 to 9 data bits, 10 stop bit

    initial valid = 0;
    initial data = 0;

    always @(posedge clk) begin
        line  <= {line[0], rx};
        valid <= 0;
        if (place == 0) begin
            timer <= HALF;
            if (!line[1]) place <= 1;
        end else if (timer != 0) begin
            timer <= timer - 1'b1;
        end else begin
            timer <= BIT;
            place <= place + 1'b1;
            if (place == 1) begin
                if (line[1]) place <= 0;  // it was only a spike
            end else if (place == 10) begin
                place <= 0;
                valid <= line[1];
            end else begin
                data <= {line[1], data[7:1]};
            end
        end
    end
endmodule
